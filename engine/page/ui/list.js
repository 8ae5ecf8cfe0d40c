// SPDX-License-Identifier: MIT
// The list of streams.
import { el, setText, show, copyRows, copyButton, kbps, duration, codecs } from './dom.js';
import { viewersNote, asked, streams, watchLink, vhostOf, previewURL, publishURLs, ffmpegCommand, split } from './data.js';
import { preview } from './preview.js';

const everyMs = 2000;
const perPage = 60;

export function list(main, tally, description) {
  document.title = 'Live streams · srsd';
  const cards = new Map(); // by the stream's id
  const grid = el('ul', { className: 'cards', 'aria-label': 'Streams' });
  const heading = el('h1', { textContent: 'Live streams' });
  const problem = el('p', { className: 'note', role: 'alert', hidden: true });
  const pager = pages(() => refresh());
  const nothing = empty();
  if (!description.api) {
    show(main, el('div', { className: 'head' }, heading), noAPI(), open(), howTo(description));
    return;
  }
  show(main, el('div', { className: 'head' }, heading, pager.node), problem, nothing, grid, howTo(description));

  let timer;
  async function refresh() {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const page = await streams(pager.start, perPage);
        problem.hidden = true;
        update(page);
      } catch (e) {
        problem.hidden = false;
        setText(problem, e.status === 401 ? 'The API of this server asks for credentials (http_api.auth).'
          : `The server does not answer; trying again. (${e.message})`);
        setText(tally, '');
      }
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, everyMs);
  }

  function update({ streams: now, total }) {
    pager.of(total);
    nothing.hidden = total > 0;
    const live = now.filter((s) => s.publish.active).length;
    const viewers = now.reduce((n, s) => n + watching(s), 0);
    setText(tally, total === 0 ? 'nothing live'
      : `${total > perPage ? `${total} streams` : `${live} live`} · ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`);
    const gone = new Set(cards.keys());
    let before = null; // the list is in order; nodes move only if they have to
    for (const s of now) {
      gone.delete(s.id);
      let c = cards.get(s.id);
      if (!c) cards.set(s.id, c = card(s, description));
      c.update(s);
      const next = before ? before.nextElementSibling : grid.firstElementChild;
      if (next !== c.node) grid.insertBefore(c.node, next);
      before = c.node;
    }
    for (const id of gone) { cards.get(id).node.remove(); cards.delete(id); }
  }

  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
  refresh();
}

// watching is how many play s, as far as the server counts them.
function watching(s) { return s.clients - (s.publish.active ? 1 : 0); }

function card(s, description) {
  const badge = el('span', { className: 'badge' });
  const what = el('p', { className: 'soft' });
  const values = {};
  const fact = (name, title = '') => el('div', { title }, el('dt', { textContent: name }),
    values[name] = el('dd', { textContent: '–' }));
  const vhost = vhostOf(s);
  const canvas = el('canvas', { className: 'shot', hidden: true, 'aria-hidden': 'true' });
  const picture = preview(canvas, previewURL(s, description));
  const node = el('li', { className: 'card' }, canvas,
    el('div', { className: 'row' }, el('a', { className: 'name', href: watchLink(s, description), textContent: s.name }), badge),
    el('p', { className: 'where', textContent: vhost ? `${vhost} / ${s.app}` : s.app }), what,
    el('dl', { className: 'facts' }, fact('Bit rate'), fact('Frames'),
      fact('Viewers', viewersNote), fact('Live for')));
  let last = null;
  function update(now) {
    const live = now.publish.active;
    badge.classList.toggle('live', live);
    setText(badge, live ? 'live' : 'waiting');
    if (live && now.video) picture.update(); else picture.hide();
    setText(what, live ? codecs(now) : 'players wait for a publisher');
    setText(values['Bit rate'], live ? kbps(now.kbps.recv_30s) : '–');
    setText(values.Viewers, String(watching(now)));
    setText(values['Live for'], live ? duration(now.publish.alive ?? 0) : '–');
    if (last && now.live_ms > last.live_ms && now.frames >= last.frames) {
      const fps = (now.frames - last.frames) * 1000 / (now.live_ms - last.live_ms);
      setText(values.Frames, live && now.video ? `${Math.round(fps)}/s` : '–');
    }
    if (!last || now.live_ms - last.live_ms > 1500) last = now;
  }
  return { node, update };
}

// pages chooses a part of a long list.
function pages(changed) {
  const label = el('span', { className: 'soft' });
  const step = (text, by) => el('button', {
    type: 'button', textContent: text, onclick: () => { it.start = Math.max(0, it.start + by); changed(); },
  });
  const back = step('Previous', -perPage), on = step('Next', perPage);
  const it = {
    start: 0, node: el('div', { className: 'ask', hidden: true }, back, label, on),
    of(total) {
      if (it.start >= total) it.start = 0;
      it.node.hidden = total <= perPage;
      back.disabled = it.start === 0;
      on.disabled = it.start + perPage >= total;
      setText(label, `${it.start + 1} to ${Math.min(total, it.start + perPage)} of ${total}`);
    },
  };
  return it;
}

function empty() {
  return el('section', { className: 'panel hero', hidden: true },
    el('div', { className: 'dot' }), el('h2', { textContent: 'Nothing is being published' }),
    el('p', { className: 'soft', textContent: 'As soon as an encoder publishes a stream, it appears here by itself. Below is how to do that.' }));
}

function noAPI() {
  return el('section', { className: 'panel' }, el('h2', { textContent: 'This server does not say what is live' }),
    el('p', { className: 'soft', textContent: 'The list needs the HTTP API on this port. To have it, add to the configuration, with the port of http_server:' }),
    el('pre', { textContent: 'http_api {\n    enabled     on;\n    listen      8080;\n}' }));
}

// open asks for a stream by its name.
function open() {
  const input = el('input', { type: 'text', id: 'name', value: 'live/livestream', autocomplete: 'off', spellcheck: false });
  const form = el('form', { className: 'ask' }, el('label', { for: 'name' },
    el('span', { className: 'soft', textContent: 'Application and stream' }), input),
  el('button', { type: 'submit', className: 'primary', textContent: 'Watch' }));
  form.onsubmit = (e) => {
    e.preventDefault();
    const p = new URLSearchParams({ watch: input.value.replace(/^\/+/, '') });
    if (asked.vhost) p.set('vhost', asked.vhost);
    location.search = '?' + p;
  };
  return el('section', { className: 'panel' }, el('h2', { textContent: 'Watch a stream' }), form);
}

function howTo(description) {
  const { rtmp, rtmps } = publishURLs(description, split('live/livestream'));
  const command = ffmpegCommand(rtmp.url);
  const rows = [['Server', rtmp.server], ['Stream key', rtmp.key]];
  if (rtmps) rows.push(['Server, TLS', rtmps.server]);
  return el('section', { className: 'panel' }, el('h2', { textContent: 'How to publish' }),
    el('p', { className: 'soft', textContent: 'OBS: Settings, Stream, Service “Custom…”' }), copyRows(rows),
    el('p', { className: 'soft', textContent: 'ffmpeg, with pictures and a tone of its own:' }),
    el('div', { className: 'withcopy' }, el('pre', { textContent: command }), copyButton(command, 'the ffmpeg command')));
}
