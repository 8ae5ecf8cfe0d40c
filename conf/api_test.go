// SPDX-License-Identifier: MIT

package conf

import "testing"

// The API is on http_server's listeners if it has the same, and nowhere else.
func TestAPIListeners(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		shared   bool
		https    bool
		err      string
	}{
		{"own port", "http_server { enabled on; } http_api { enabled on; }", false, false, ""},
		{"same port", "http_server { enabled on; } http_api { enabled on; listen 8080; }", true, false, ""},
		{"same port, no server", "http_api { enabled on; listen 8080; }", false, false, ""},
		{
			"both ports shared", "http_server { enabled on; https { enabled on; } }\n" +
				"http_api { enabled on; listen 8080; https { enabled on; listen 8088; } }", true, false, "",
		},
		{"HTTPS of its own", "http_api { enabled on; https { enabled on; } }", false, true, ""},
		{
			"HTTPS that is off", "http_server { enabled on; }\nhttp_api { enabled on; listen 8080; https { enabled on; } }",
			false, false, "c.conf:2: http_api.https: http_api shares the ports of http_server, " +
				"so it has the HTTPS of http_server { https { } }, which is off",
		},
		{
			"half of the ports", "http_server { enabled on; listen 8080 8081; }\nhttp_api { enabled on; listen 8081; }",
			false, false,
			"c.conf:2: http_api.listen: 8081 is taken by http_server.listen 8081; HTTP API needs a port of its own",
		},
		{
			"RTMP's", "http_api { enabled on; listen 1935; }", false, false,
			"c.conf:1: http_api.listen: 1935 is taken by listen 1935; HTTP API needs a port of its own",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, _, err := loadText("listen 1935; vhost a { } " + tc.in)
			wantError(t, err, tc.err)
			if err == nil && (cfg.HTTPAPI.Shared != tc.shared || cfg.HTTPAPI.HTTPS.Enabled != tc.https) {
				t.Errorf("shared %v, HTTPS %v", cfg.HTTPAPI.Shared, cfg.HTTPAPI.HTTPS.Enabled)
			}
		})
	}
}

func TestAPICredentials(t *testing.T) {
	for _, tc := range []struct{ auth, err string }{
		{"username u; password p;", ""},
		{"type bearer; token t;", ""},
		{"username u;", "c.conf:1: http_api.auth: is on, and has no username and password"},
		{"type bearer; username u; password p;", "c.conf:1: http_api.auth: is on, and has no token"},
	} {
		_, _, err := loadText("listen 1935; vhost a { } http_api { enabled on; auth { enabled on; " + tc.auth + " } }")
		wantError(t, err, tc.err)
	}
}
