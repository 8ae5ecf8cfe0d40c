// SPDX-License-Identifier: MIT
import { el, show } from './dom.js';
import { asked, describe } from './data.js';
import { list } from './list.js';
import { watch } from './watch.js';

const main = document.getElementById('main');
const tally = document.getElementById('tally');

async function start() {
  let description;
  try {
    description = await describe();
  } catch (e) {
    show(main, el('section', { className: 'panel hero' }, el('h1', { textContent: 'No page for this host name' }),
      el('p', { className: 'note', role: 'alert', textContent: e.message }),
      el('p', { className: 'soft', textContent: 'The configuration has no vhost that serves it.' })));
    return;
  }
  document.getElementById('version').textContent = `srsd ${description.version}`;
  if (asked.vhost) document.querySelector('.brand').href = '?' + new URLSearchParams({ vhost: asked.vhost });
  if (asked.watch.includes('/')) watch(main, tally, description);
  else list(main, tally, description);
}

start();
