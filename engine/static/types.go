// SPDX-License-Identifier: MIT

package static

// types are those of what is recorded and segmented, and of what pages are made of. The
// system's own list would differ from machine to machine.
var types = map[string]string{
	".flv": "video/x-flv", ".mp4": "video/mp4", ".m4v": "video/mp4", ".m4a": "audio/mp4", ".m4s": "video/iso.segment",
	".ts": "video/mp2t", ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml",
	".f4m": "application/f4m+xml", ".abst": "video/abst", ".aac": "audio/aac", ".mp3": "audio/mpeg",
	".ogg": "audio/ogg", ".webm": "video/webm", ".mkv": "video/x-matroska", ".vtt": "text/vtt; charset=utf-8",
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".json": "application/json",
	".xml": "text/xml; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".svg": "image/svg+xml",
	".webp": "image/webp", ".ico": "image/x-icon", ".woff2": "font/woff2", ".swf": "application/x-shockwave-flash",
}

// typeOf returns the content type of an extension, in lower case and with its dot.
func typeOf(ext string) string {
	if t := types[ext]; t != "" {
		return t
	}
	return "application/octet-stream"
}
