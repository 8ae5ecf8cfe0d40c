// SPDX-License-Identifier: MIT
// Elements, and what both views use. Text is always set as text: names come from strangers.

// el makes an element: properties, then children, which are elements or text.
export function el(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role' || name === 'for') e.setAttribute(name, value);
    else e[name] = value;
  }
  e.append(...children);
  return e;
}

export function show(main, ...children) { main.replaceChildren(...children); }

// setText changes text only where it differs, so that screen readers and selections stay quiet.
export function setText(node, text) { if (node.textContent !== text) node.textContent = text; }

let toastTimer;
export function toast(text) {
  const t = document.getElementById('toast');
  t.textContent = text;
  t.classList.add('on');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => t.classList.remove('on'), 1800);
}

// copyButton copies text. Without https there is no clipboard API, and the old way is used.
export function copyButton(text, what) {
  return el('button', {
    type: 'button', textContent: 'Copy', 'aria-label': `Copy ${what}`,
    onclick: async () => toast(await copy(text) ? `Copied: ${what}` : 'Could not copy; please select the text'),
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* not allowed, or not there */ }
  const area = el('textarea', { value: text, readOnly: true });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  focused?.focus();
  return done;
}

// copyRows is a list of things to copy: [label, text] each.
export function copyRows(rows) {
  const grid = el('div', { className: 'copy' });
  for (const [label, text] of rows) {
    grid.append(el('span', { className: 'label', textContent: label }), el('code', { textContent: text }),
      copyButton(text, label));
  }
  return grid;
}

export function kbps(n) {
  if (n >= 10000) return `${(n / 1000).toFixed(0)} Mbit/s`;
  return n >= 1000 ? `${(n / 1000).toFixed(1)} Mbit/s` : `${n} kbit/s`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  if (s >= 86400) return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s % 3600 / 60))}:${two(s % 60)}`
    : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

// codecs says what a stream of the API's is made of.
export function codecs(s) {
  const parts = [];
  if (s.video) {
    const v = s.video;
    parts.push([v.codec, v.profile, v.width ? `${v.width}×${v.height}` : ''].filter(Boolean).join(' '));
  }
  if (s.audio) {
    const a = s.audio;
    const channels = { 0: '', 1: 'mono', 2: 'stereo' }[a.channel] ?? `${a.channel} channels`;
    parts.push([a.codec, a.sample_rate ? `${+(a.sample_rate / 1000).toFixed(1)} kHz` : '', channels].filter(Boolean).join(' '));
  }
  return parts.join(' · ') || 'codecs not known yet';
}
