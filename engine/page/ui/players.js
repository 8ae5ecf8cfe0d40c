// SPDX-License-Identifier: MIT
// One player per protocol, all with the same face.
//
// start(video, url, told) begins, and has the video play; told.failed(text, forGood) hears that it cannot go on, forGood
// that trying again will not help. It returns { stop(), latency() }: seconds behind the
// live edge, or null if the player does not know.

const hasMSE = 'MediaSource' in window || 'ManagedMediaSource' in window;
const appleHLS = 'application/vnd.apple.mpegurl';
const nativeHLS = () => document.createElement('video').canPlayType(appleHLS) !== '';

export const players = {
  flv: { name: () => 'HTTP-FLV', can: () => hasMSE, start: startFLV },
  ws: { name: () => 'WS-FLV', can: () => hasMSE, start: startFLV },
  ts: { name: () => 'HTTP-TS', can: () => hasMSE, start: (...all) => startMPEGTS('mpegts', ...all) },
  hls: { name: (d) => (d.low_latency ? 'LL-HLS' : 'HLS'), can: () => hasMSE || nativeHLS(), start: startHLS },
  dash: { name: () => 'DASH', can: () => hasMSE, start: startDash },
};

// library loads a script once, and returns the name that it sets.
const loading = new Map();
function library(file, name) {
  if (!loading.has(file)) {
    loading.set(file, new Promise((resolve, reject) => {
      const s = document.createElement('script');
      s.src = `/srsd/lib/${file}`;
      s.onload = () => resolve(window[name]);
      s.onerror = () => { loading.delete(file); s.remove(); reject(new Error(`${file} could not be loaded`)); };
      document.head.append(s);
    }));
  }
  return loading.get(file);
}

// play begins, unless the browser wants a click first: its controls are there.
function play(video) { video.play().catch(() => {}); }

// buffered is how far the end of the buffer is ahead of the picture.
export function buffered(video) {
  const b = video.buffered;
  return b.length ? Math.max(0, b.end(b.length - 1) - video.currentTime) : 0;
}

const jumpBehind = 5, jumpTo = 0.7; // s: a live stream that is late is joined anew at its end

function startFLV(...all) { return startMPEGTS('flv', ...all); }

async function startMPEGTS(type, video, url, told) {
  const mpegts = await library('mpegts-1.8.2.js', 'mpegts');
  mpegts.LoggingControl.enableAll = false;
  if (!mpegts.isSupported()) {
    told.failed('This browser cannot play it: choose another format.', true);
    return { stop() {}, latency: () => null };
  }
  const p = mpegts.createPlayer({ type, isLive: true, url }, {
    enableWorker: false, enableStashBuffer: false, lazyLoad: false, autoCleanupSourceBuffer: true,
    liveSync: true, liveSyncMaxLatency: 1.5, liveSyncTargetLatency: 0.8, liveSyncPlaybackRate: 1.1,
  });
  p.on(mpegts.Events.ERROR, (type, detail) => told.failed(`${type}: ${detail}`, detail === mpegts.ErrorDetails.MEDIA_CODEC_UNSUPPORTED));
  p.on(mpegts.Events.LOADING_COMPLETE, () => told.failed('The server has ended the connection.', false));
  p.attachMediaElement(video);
  p.load();
  play(video);
  const catchUp = () => { if (buffered(video) > jumpBehind) video.currentTime += buffered(video) - jumpTo; };
  video.addEventListener('progress', catchUp);
  return {
    stop() { video.removeEventListener('progress', catchUp); p.destroy(); },
    latency: () => buffered(video),
  };
}

async function startHLS(video, url, told) {
  if (!hasMSE) {
    video.src = url;
    play(video);
    const failed = () => told.failed('The browser could not play it.', false);
    video.addEventListener('error', failed);
    return {
      stop() { video.removeEventListener('error', failed); video.removeAttribute('src'); video.load(); },
      latency: () => null,
    };
  }
  const Hls = await library('hls-1.7.4.js', 'Hls');
  if (!Hls.isSupported()) {
    told.failed('This browser cannot play HLS.', true);
    return { stop() {}, latency: () => null };
  }
  const p = new Hls({ enableWorker: false, lowLatencyMode: true, backBufferLength: 30, maxLiveSyncPlaybackRate: 1.1 });
  let recovered = 0;
  p.on(Hls.Events.ERROR, (_, e) => {
    if (!e.fatal) return;
    if (e.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - recovered > 5000) {
      recovered = performance.now();
      p.recoverMediaError();
      return;
    }
    told.failed(e.details, e.details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR);
  });
  p.loadSource(url);
  p.attachMedia(video);
  play(video);
  return { stop() { p.destroy(); }, latency: () => (p.latency > 0 ? p.latency : null) };
}

async function startDash(video, url, told) {
  const dashjs = await library('dash-5.2.1.js', 'dashjs');
  const p = dashjs.MediaPlayer().create();
  p.updateSettings({
    debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE },
    streaming: {
      // The manifest tells the server's clock: nobody else is asked.
      utcSynchronization: { enabled: true, useManifestDateHeaderTimeSource: false },
      delay: { liveDelayFragmentCount: 3 }, liveCatchup: { enabled: true, maxDrift: 8 }, buffer: { bufferToKeep: 20 },
    },
  });
  p.initialize();
  p.clearDefaultUTCTimingSources();
  p.on(dashjs.MediaPlayer.events.ERROR, (e) => told.failed(e.error?.message ?? 'DASH failed.', false));
  p.setAutoPlay(true);
  p.attachView(video);
  p.attachSource(url);
  return {
    stop() { p.destroy(); },
    latency() {
      const l = p.isReady() ? p.getCurrentLiveLatency() : NaN;
      return Number.isFinite(l) && l > 0 ? l : null;
    },
  };
}
