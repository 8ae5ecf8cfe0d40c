// SPDX-License-Identifier: MIT
// One stream: its player, its state, its URLs.
import { el, setText, show, copyRows, kbps, duration, codecs } from './dom.js';
import { viewersNote, asked, stream, findStream, playURLs, publishURLs, split } from './data.js';
import { players, buffered } from './players.js';

const lookMs = 500, askMs = 2000;
const skipAfterMs = 3000; // a hole in the buffer is stepped over
const againAfterMs = 10000; // nothing moves: begin anew
const againMs = [1000, 2000, 4000, 8000]; // pauses between two beginnings

export function watch(main, tally, description) {
  const name = split(asked.watch);
  document.title = `${name.stream} · srsd`;
  const urls = playURLs(description, name);
  const publish = publishURLs(description, name);
  const offered = Object.keys(players).filter((id) => urls[id]);
  const usable = offered.filter((id) => players[id].can());

  const video = el('video', { controls: true, muted: true, playsInline: true, 'aria-label': `Stream ${name.stream}` });
  const coverText = el('p');
  const cover = el('div', { className: 'cover' }, el('div', {}, el('div', { className: 'spin' }), coverText));
  const live = el('span', { className: 'badge' });
  const what = el('p', { className: 'soft' });
  const sound = el('button', { type: 'button', className: 'primary', onclick: () => { video.muted = !video.muted; } });
  const choice = el('div', { className: 'choice' });
  const values = {};
  const meter = (label, title = '') => el('div', { title }, el('dt', { textContent: label }), values[label] = el('dd', { textContent: '–' }));
  const meters = el('dl', { className: 'meters' },
    meter('Behind live', 'How far the picture is behind the newest that this player knows of'), meter('Buffer'),
    meter('Dropped frames', 'Of those that were decoded'), meter('Picture'), meter('Bit rate', 'As published'),
    meter('Viewers', viewersNote), meter('Live for'), meter('Protocol'));

  const rows = [['RTMP', publish.rtmp.url]];
  if (publish.rtmps) rows.push(['RTMPS', publish.rtmps.url]);
  for (const id of offered) rows.push([players[id].name(description), urls[id]]);
  const obs = [['Server', publish.rtmp.server], ['Stream key', publish.rtmp.key]];

  const back = '?' + (asked.vhost ? new URLSearchParams({ vhost: asked.vhost }) : '');
  show(main,
    el('p', { className: 'back' }, el('a', { href: back, textContent: '← All streams' })),
    el('div', { className: 'row' }, el('h1', { textContent: name.stream }), live),
    el('p', { className: 'where', textContent: description.named ? `${description.vhost} / ${name.app}` : name.app }),
    el('div', { className: 'watch' },
      el('div', {}, el('div', { className: 'screen' }, video, cover),
        el('div', { className: 'under' }, el('fieldset', {}, el('legend', { textContent: 'Play by' }), choice), sound)),
      el('aside', { className: 'side' }, el('section', { className: 'panel', 'aria-label': 'How it plays' }, what, meters,
        el('p', { className: 'keys' }, el('kbd', { textContent: 'K' }), ' play or pause  ', el('kbd', { textContent: 'M' }), ' sound  ',
          el('kbd', { textContent: 'F' }), ' full screen')))),
    el('section', { className: 'panel' }, el('h2', { textContent: 'URLs to play' }), copyRows(rows)),
    el('section', { className: 'panel' }, el('h2', { textContent: 'To publish it with OBS' }),
      el('p', { className: 'soft', textContent: 'Settings, Stream, Service “Custom…”' }), copyRows(obs)));

  const state = { id: '', player: null, round: 0, chosen: false, tries: 0, timer: 0, published: null, movedAt: 0, at: -1, over: '' };

  function say(text, still = false) {
    cover.hidden = text === '';
    video.controls = cover.hidden; // a browser's own spinner would turn beside ours
    cover.classList.toggle('still', still);
    setText(coverText, text);
  }

  const waiting = () => (state.published === false ? 'Nobody publishes this stream now. It starts here as soon as somebody does.' : 'Waiting for the stream…');

  // begin starts a player anew; what an older one says does not count any more.
  async function begin(id) {
    end();
    const round = ++state.round;
    state.id = id;
    state.movedAt = performance.now();
    state.at = -1;
    state.over = '';
    say(waiting());
    setText(values.Protocol, players[id].name(description));
    const told = { failed: (text, forGood) => { if (round === state.round) failed(id, text, forGood); } };
    try {
      const p = await players[id].start(video, urls[id], told);
      if (round !== state.round) { p.stop(); return; }
      state.player = p;
    } catch (e) {
      told.failed(e.message, false);
    }
  }

  function end() {
    clearTimeout(state.timer);
    state.round++;
    state.player?.stop();
    state.player = null;
    video.pause(); // the next one is to see that it begins to play: dash.js reads no manifest again before
  }

  function failed(id, text, forGood) {
    end();
    const next = usable[usable.indexOf(id) + 1];
    if (forGood && !state.chosen && next) { select(next); return; }
    if (forGood) { state.over = text; say(text, true); return; }
    say(state.published === false ? waiting() : `Trying again… (${text})`);
    state.timer = setTimeout(() => begin(id), againMs[Math.min(state.tries++, againMs.length - 1)]);
  }

  // look finds out whether the picture moves, and helps where it does not.
  function look() {
    const now = performance.now();
    if (video.currentTime !== state.at) {
      const first = state.at < 0;
      state.at = video.currentTime;
      if (!first) {
        state.movedAt = now;
        state.tries = 0;
        say('');
      }
    } else if (video.paused && video.readyState > 2) {
      state.movedAt = now; // somebody wants it to stand still
    } else if (state.player) {
      stuck(now - state.movedAt);
    }
    meterLook();
  }

  function stuck(ms) {
    if (ms > 1500) say(waiting());
    const b = video.buffered;
    for (let i = 0; ms > skipAfterMs && i < b.length; i++) {
      if (b.start(i) > video.currentTime) { video.currentTime = b.start(i) + 0.05; return; }
    }
    // Who waits for a publisher has nothing to gain by asking again, if somebody says when one is there.
    if (ms > againAfterMs && state.published !== false) begin(state.id);
  }

  function meterLook() {
    const q = video.getVideoPlaybackQuality?.();
    const seconds = (n) => (n === null ? '–' : `${n.toFixed(1)} s`);
    const runs = state.player && video.readyState > 1;
    setText(values['Behind live'], runs ? seconds(state.player.latency()) : '–');
    setText(values.Buffer, runs ? seconds(buffered(video)) : '–');
    setText(values['Dropped frames'], q && runs ? `${q.droppedVideoFrames} of ${q.totalVideoFrames}` : '–');
    setText(values.Picture, video.videoWidth ? `${video.videoWidth}×${video.videoHeight}` : '–');
  }

  let found = '';
  async function ask() {
    if (!document.hidden) {
      try {
        const s = found ? await stream(found) : await findStream(`${description.named ? description.vhost : ''}/${name.app}/${name.stream}`);
        found = s?.id ?? '';
        tell(s);
      } catch { state.published = null; } // not known
    }
    setTimeout(ask, askMs);
  }

  function tell(s) {
    const on = s?.publish.active ?? false;
    const back = on && state.published === false;
    state.published = on;
    live.classList.toggle('live', on);
    setText(live, on ? 'live' : 'off');
    setText(what, on ? codecs(s) : 'Nobody publishes this stream.');
    setText(values['Bit rate'], on ? kbps(s.kbps.recv_30s) : '–');
    setText(values.Viewers, s ? String(s.clients - (on ? 1 : 0)) : '0');
    setText(values['Live for'], on ? duration(s.publish.alive ?? 0) : '–');
    setText(tally, on ? 'live' : 'not published');
    // Another encoder has come. Players go on by themselves; those that had given up begin again.
    if (back && !state.over) { state.tries = 0; if (!state.player) begin(state.id); else state.movedAt = performance.now(); }
  }

  function select(id) {
    choice.querySelector(`input[value="${id}"]`).checked = true;
    state.tries = 0;
    begin(id);
  }
  for (const id of offered) {
    choice.append(el('label', {}, el('input', {
      type: 'radio', name: 'protocol', value: id, disabled: !usable.includes(id),
      onchange: () => { state.chosen = true; select(id); },
    }), el('span', { textContent: players[id].name(description) })));
  }
  const soundText = () => setText(sound, video.muted ? 'Turn sound on' : 'Turn sound off');
  video.addEventListener('volumechange', soundText);
  soundText();
  document.addEventListener('keydown', keys(video));
  if (description.api) ask();
  if (!usable.length) {
    say(offered.length ? 'This browser plays none of the formats that this server offers.'
      : 'This vhost offers no format that a browser plays. Turn on http_remux, hls or dash in its configuration.', true);
    sound.hidden = true;
    return;
  }
  select(usable[0]);
  setInterval(look, lookMs);
}

function keys(video) {
  return (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches?.('input[type=text], textarea, video')) return;
    switch (e.key.toLowerCase()) {
      case 'k': if (video.paused) video.play().catch(() => {}); else video.pause(); break;
      case 'm': video.muted = !video.muted; break;
      case 'f': if (document.fullscreenElement) document.exitFullscreen(); else video.requestFullscreen?.(); break;
      default: return;
    }
    e.preventDefault();
  };
}
