// SPDX-License-Identifier: MIT
// What the server says, and the URLs of streams.

const parameters = new URLSearchParams(location.search);
export const asked = { vhost: parameters.get('vhost') ?? '', watch: parameters.get('watch') ?? '' };

// Refused is an answer that is no success.
export class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function getJSON(url) {
  const r = await fetch(url, { cache: 'no-store' });
  if (!r.ok) throw new Refused(r.status, (await r.text()).trim());
  return r.json();
}

// viewersNote says who is counted as a viewer.
export const viewersNote = 'RTMP, HTTP and WebSocket, and HLS by its sessions (hls_ctx), which end a while after the last request; players of DASH are not counted';

// describe returns page.json of the vhost that is asked for.
export function describe() { return getJSON('/srsd/page.json' + withVhost(asked.vhost)); }

// streams returns a part of the list: { streams, total }.
export function streams(start, count) { return getJSON(`/api/v1/streams?start=${start}&count=${count}`); }

// stream returns one by its id, or null if it has gone.
export async function stream(id) { return (await getJSON(`/api/v1/streams/${encodeURIComponent(id)}`)).stream ?? null; }

// findStream looks for a stream by its URL as the API has it; null if it is not there.
export async function findStream(url) {
  return (await getJSON('/api/v1/streams?url=' + encodeURIComponent(url))).streams[0] ?? null;
}

function withVhost(v) { return v ? `?vhost=${encodeURIComponent(v)}` : ''; }

// vhostOf is the vhost of a stream of the API's; the default one has no name there.
export function vhostOf(s) { return s.url.slice(0, s.url.indexOf('/')); }

// nameVhost is the vhost of a stream of the API's if its URLs have to name it, or ''.
function nameVhost(s, description) {
  const v = vhostOf(s) || '__defaultVhost__';
  return v !== description.vhost || asked.vhost ? v : '';
}

// watchLink is where the page plays a stream of the API's.
export function watchLink(s, description) {
  const p = new URLSearchParams({ watch: `${s.app}/${s.name}` });
  const v = nameVhost(s, description);
  if (v) p.set('vhost', v);
  return '?' + p;
}

// previewURL is where the newest keyframe of a stream of the API's is.
export function previewURL(s, description) {
  return `/srsd/preview/${encodePath(s.app)}/${encodePath(s.name)}.mp4` + withVhost(nameVhost(s, description));
}

// split divides app/stream. An app may have slashes.
export function split(name) {
  const i = name.lastIndexOf('/');
  return { app: name.slice(0, Math.max(i, 0)), stream: name.slice(i + 1) };
}

const encodePath = (text) => text.split('/').map(encodeURIComponent).join('/');

// path fills in a template of page.json; '' if there is none.
function path(template, { app, stream }) {
  if (!template) return '';
  return template.replaceAll('[app]', () => encodePath(app)).replaceAll('[stream]', () => encodePath(stream)) +
    withVhost(asked.vhost);
}

// playURLs are where a stream can be had over HTTP, '' where it cannot.
export function playURLs(description, name) {
  const at = (template) => { const p = path(template, name); return p && location.origin + p; };
  const flv = at(description.flv);
  return { flv, ws: flv.replace(/^http/, 'ws'), ts: at(description.ts), hls: at(description.hls), dash: at(description.dash) };
}

// publishURLs are the server and the key, as OBS wants them, and both together.
export function publishURLs(description, name) {
  const at = (scheme, port, standard) => {
    const server = `${scheme}://${location.hostname}${port === standard ? '' : ':' + port}/${encodePath(name.app)}`;
    const key = encodePath(name.stream) + withVhost(asked.vhost);
    return { server, key, url: `${server}/${key}` };
  };
  return {
    rtmp: at('rtmp', description.rtmp, 1935),
    rtmps: description.rtmps ? at('rtmps', description.rtmps, 443) : null,
  };
}

export function ffmpegCommand(url) {
  return 'ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine -c:v libx264 -preset veryfast ' +
    `-tune zerolatency -g 50 -pix_fmt yuv420p -c:a aac -f flv "${url}"`;
}
