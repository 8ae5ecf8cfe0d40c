// SPDX-License-Identifier: MIT
// What a stream looks like: its newest keyframe, which the browser decodes.

const everyMs = 10000;
const againMs = 60000; // where there was none, or none that this browser can decode
const widthMax = 640;

// preview shows pictures of url in canvas, which is hidden until there is one.
export function preview(canvas, url) {
  let next = 0;
  function draw(video) {
    const scale = Math.min(1, widthMax / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
  }
  function refresh() {
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.preload = 'auto';
    const end = () => {
      video.onloadeddata = video.onerror = null;
      video.removeAttribute('src');
      video.load();
    };
    video.onloadeddata = () => {
      if (video.videoWidth > 0) draw(video);
      end();
    };
    video.onerror = () => { next = performance.now() + againMs; end(); };
    video.src = url;
    video.play().catch(() => {}); // phones load nothing else
  }
  return {
    // update is called as often as one likes.
    update() {
      const now = performance.now();
      if (now < next) return;
      next = now + everyMs;
      refresh();
    },
    hide() { canvas.hidden = true; next = 0; },
  };
}
