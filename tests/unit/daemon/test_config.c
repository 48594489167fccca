/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "bulkhead/verdict.h"
#include "config.h"
#include "config_exports.h"
#include "config_webhooks.h"
#include "webhook.h"
#include "timefmt.h"
#include "web_place.h"

static int parse(struct bh_config *config, const char *text, struct bh_error *err)
{
	bh_config_defaults(config);
	return bh_config_parse(config, text, strlen(text), "test.yaml", err);
}

#define SAME_NUMBER(field) assert_int_equal(read->field, defaults->field)
#define SAME_TEXT(field) assert_string_equal(read->field, defaults->field)

static void exports_are_the_defaults(const struct bh_config_exports *read,
				     const struct bh_config_exports *defaults)
{
	SAME_NUMBER(active_timeout);
	SAME_NUMBER(ipfix.collector_count);
	SAME_NUMBER(ipfix.biflows);
	SAME_NUMBER(ipfix.enterprise);
	SAME_NUMBER(ipfix.domain);
	SAME_NUMBER(ipfix.message_size);
	SAME_NUMBER(ipfix.template_interval);
	SAME_NUMBER(ipfix.template_messages);
	SAME_NUMBER(ipfix.queue);
	SAME_TEXT(file.path);
	SAME_NUMBER(file.log.flows);
	SAME_NUMBER(file.log.events);
	SAME_NUMBER(file.log.kind_count);
	SAME_NUMBER(file.log.format);
	SAME_NUMBER(file.size);
	SAME_NUMBER(file.age);
	SAME_NUMBER(file.keep);
	SAME_TEXT(syslog.to.host);
	SAME_NUMBER(syslog.facility);
	SAME_NUMBER(syslog.log.events);
	SAME_NUMBER(syslog.log.format);
	SAME_TEXT(journal.socket);
	SAME_NUMBER(journal.log.events);
	SAME_NUMBER(webhooks.count);
	SAME_TEXT(otlp.url);
	SAME_TEXT(otlp.headers);
	SAME_TEXT(otlp.ca);
	SAME_NUMBER(otlp.log.flows);
	SAME_NUMBER(otlp.log.events);
	SAME_NUMBER(otlp.log.kind_count);
	SAME_NUMBER(otlp.metrics);
}

/* Every key that is documented is read, and says what the defaults say. */
static void documented_file_is_the_defaults(void **state)
{
	static struct bh_config from_file, own;
	struct bh_config *read = &from_file, *defaults = &own;
	struct bh_error err = { 0 };

	(void)state;
	bh_config_defaults(defaults);
	/* A value that the file does not set would show. */
	read->workers = read->mode = read->cpu = read->max_flows = read->snaplen =
		read->keep_events = -1;
	assert_int_equal(bh_config_load(read, CONFIG_FILE, &err), 0);
	assert_memory_equal(&read->uplinks, &defaults->uplinks, sizeof(read->uplinks));
	assert_memory_equal(&read->netns_directories, &defaults->netns_directories,
			    sizeof(read->netns_directories));
	SAME_TEXT(state_directory);
	SAME_TEXT(run_directory);
	SAME_NUMBER(log_level);
	SAME_TEXT(capture_user);
	SAME_TEXT(core_user);
	SAME_TEXT(api_socket);
	SAME_TEXT(operator_group);
	SAME_NUMBER(keep_flows);
	SAME_NUMBER(keep_traffic);
	SAME_TEXT(web_certificate);
	SAME_TEXT(web_key);
	SAME_TEXT(web_client_ca);
	SAME_NUMBER(web_anonymous);
	SAME_NUMBER(metrics_workloads);
	assert_memory_equal(&read->web_listen, &defaults->web_listen, sizeof(read->web_listen));
	assert_memory_equal(&read->web_operators, &defaults->web_operators,
			    sizeof(read->web_operators));
	SAME_NUMBER(ring_bytes);
	SAME_NUMBER(workers);
	SAME_NUMBER(mode);
	SAME_NUMBER(cpu);
	SAME_NUMBER(snaplen);
	SAME_NUMBER(max_flows);
	SAME_NUMBER(idle_timeout);
	SAME_NUMBER(tcp_idle_timeout);
	SAME_NUMBER(report_interval);
	SAME_NUMBER(netns_ordinals);
	SAME_NUMBER(keep_departed);
	SAME_NUMBER(receive_buffer);
	SAME_NUMBER(keep_history);
	SAME_NUMBER(max_history);
	SAME_TEXT(docker_socket);
	SAME_NUMBER(window);
	SAME_NUMBER(window_offset);
	SAME_NUMBER(max_edges);
	assert_memory_equal(&read->sensitive, &defaults->sensitive, sizeof(read->sensitive));
	SAME_NUMBER(posture);
	SAME_NUMBER(postures.count);
	SAME_NUMBER(existing.how);
	SAME_NUMBER(existing.drain);
	SAME_NUMBER(table_protection);
	SAME_NUMBER(bridge);
	assert_int_equal(defaults->bridge, BH_BRIDGE_STATELESS);
	SAME_NUMBER(self_test);
	SAME_NUMBER(log_group);
	SAME_NUMBER(keep_events);
	exports_are_the_defaults(&read->exports, &defaults->exports);
	assert_int_equal(read->grouping.rule_count, 0);
}

static void values_are_read(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(parse(&c,
			       "capture: {ring: 64MiB, max_flows: 5000, idle_timeout: 1m30s, "
			       "workers: auto,\n"
			       "  mode: control, cpu: 25}\n"
			       "interfaces:\n  uplinks: [ext0]\n"
			       "runtimes: {docker: off, kubernetes: \"https://[fd00::1]:6443\",\n"
			       "  kubernetes_node: worker-1.example}\n"
			       "enforcement: {posture: closed, table_protection: watch, existing: "
			       "drain=2h}\n"
			       "identity: {netns_ordinals: false, receive_buffer: 64KiB}\n"
			       "learning: {sensitive_ports: [65535, 1]}\n",
			       &err),
			 0);
	assert_int_equal(c.sensitive.count, 2);
	assert_int_equal(c.sensitive.ports[0], 65535);
	assert_int_equal(c.sensitive.ports[1], 1);
	assert_int_equal(c.ring_bytes, 64 << 20);
	assert_int_equal(c.max_flows, 5000);
	assert_int_equal(c.workers, 0);
	assert_int_equal(c.mode, BH_CAPTURE_CONTROL);
	assert_int_equal(c.cpu, 25);
	assert_int_equal(c.idle_timeout, 90 * BH_SECOND);
	assert_int_equal(c.uplinks.count, 1);
	assert_string_equal(c.uplinks.items[0], "ext0");
	assert_string_equal(c.docker_socket, "");
	assert_string_equal(c.kubernetes_server, "https://[fd00::1]:6443");
	assert_string_equal(c.kubernetes_node, "worker-1.example");
	assert_int_equal(c.posture, 2);
	assert_int_equal(c.table_protection, BH_TABLE_WATCH);
	assert_int_equal(c.existing.how, BH_EXISTING_DRAIN);
	assert_int_equal(c.existing.drain, 7200 * BH_SECOND);
	assert_false(c.netns_ordinals);
	assert_int_equal(c.receive_buffer, 64 << 10);
	assert_int_equal(parse(&c, "learning: {sensitive_ports: []}", &err), 0);
	assert_int_equal(c.sensitive.count, 0);
}

static void collectors_are_read(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };
	const struct bh_config_ipfix *ipfix = &c.exports.ipfix;
	char text[BH_COLLECTOR_TEXT];

	(void)state;
	assert_int_equal(parse(&c,
			       "exports: {active_timeout: 5m, ipfix: {enterprise: 4294967295, "
			       "biflows: false,\n"
			       "  collectors: [udp://192.0.2.10:9995, \"tcp://[2001:db8::5]\", "
			       "\"tcp://[2001:db8::5]:99\", udp://flows.example]}}",
			       &err),
			 0);
	assert_int_equal(c.exports.active_timeout, 300 * BH_SECOND);
	assert_int_equal(ipfix->enterprise, UINT32_MAX);
	assert_false(ipfix->biflows);
	assert_int_equal(ipfix->collector_count, 4);
	assert_string_equal(bh_config_collector_text(&ipfix->collectors[0], text),
			    "udp://192.0.2.10:9995");
	assert_string_equal(bh_config_collector_text(&ipfix->collectors[1], text),
			    "tcp://[2001:db8::5]:4739");
	assert_int_equal(ipfix->collectors[2].port, 99);
	assert_string_equal(ipfix->collectors[3].host, "flows.example");
	/* What a later file says replaces it. */
	assert_int_equal(bh_config_parse(&c, "exports: {ipfix: {collectors: []}}", 34, "f", &err),
			 0);
	assert_int_equal(ipfix->collector_count, 0);
}

static void logs_are_read(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };
	const struct bh_config_syslog *syslog = &c.exports.syslog;

	(void)state;
	assert_int_equal(
		parse(&c,
		      "exports:\n"
		      "  file: {path: /var/log/b.jsonl, flows: true, events: false, format: "
		      "ecs, size: 1GiB, age: 1h, keep: 0}\n"
		      "  syslog: {to: \"tcp://[2001:db8::1]\", facility: local7, kinds: "
		      "[leak, would-deny], format: otel}\n"
		      "  journal: {socket: /run/systemd/journal/socket}\n",
		      &err),
		0);
	assert_string_equal(c.exports.file.path, "/var/log/b.jsonl");
	assert_true(c.exports.file.log.flows);
	assert_false(c.exports.file.log.events);
	assert_int_equal(c.exports.file.log.format, 1);
	assert_int_equal(c.exports.file.keep, 0);
	assert_int_equal(syslog->to.transport, BH_TRANSPORT_TCP);
	assert_int_equal(syslog->to.port, 601);
	assert_int_equal(syslog->facility, 23);
	assert_int_equal(syslog->log.kind_count, 2);
	assert_string_equal(syslog->log.kinds[1], "would-deny");
	assert_int_equal(syslog->log.format, 2);
	assert_int_equal(parse(&c, "exports: {syslog: {to: \"unix:///dev/log\"}}", &err), 0);
	assert_int_equal(syslog->to.transport, BH_TRANSPORT_UNIX);
	assert_string_equal(syslog->to.host, "/dev/log");
	assert_int_equal(parse(&c, "exports: {syslog: {to: udp://logs.example}}", &err), 0);
	assert_int_equal(syslog->to.port, 514);
	assert_int_equal(parse(&c, "exports: {syslog: {to: off}}", &err), 0);
	assert_string_equal(syslog->to.host, "");
	assert_int_equal(parse(&c, "exports: {syslog: {to: dev/log}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "expected unix:///dev/log, udp://HOST:PORT"));
	assert_int_equal(parse(&c, "exports: {file: {kinds: [leek]}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "exports.file.kinds: found a list, expected a list of at "
					 "most 16 kinds of events"));
	assert_int_equal(parse(&c, "exports: {file: {format: text}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "one of bulkhead, ecs, otel"));
}

static void webhooks_are_read(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };
	const struct bh_config_webhook *hooks = c.exports.webhooks.items;
	char text[BH_URL_TEXT];

	(void)state;
	assert_int_equal(
		parse(&c,
		      "exports:\n"
		      "  webhooks:\n"
		      "  - {url: \"https://h.example:8443/secret?x\", secret: /s, ca: /c, "
		      "kinds: [leak], format: slack}\n"
		      "  - {url: \"http://[fd00::1]\"}\n"
		      "  otlp: {url: \"https://c.example:4318\", headers: /h, metrics: off}\n",
		      &err),
		0);
	assert_int_equal(c.exports.webhooks.count, 2);
	assert_string_equal(hooks[0].secret, "/s");
	assert_string_equal(hooks[0].ca, "/c");
	assert_int_equal(hooks[0].log.kind_count, 1);
	assert_int_equal(hooks[0].log.format, BH_WEBHOOK_SLACK);
	assert_string_equal(bh_config_url_text(hooks[0].url, text), "https://h.example:8443");
	assert_string_equal(bh_config_url_text(hooks[1].url, text), "http://[fd00::1]");
	assert_string_equal(hooks[1].secret, "");
	assert_true(hooks[1].log.events);
	assert_false(hooks[1].log.flows);
	assert_int_equal(hooks[1].log.format, BH_WEBHOOK_BULKHEAD);
	assert_string_equal(c.exports.otlp.url, "https://c.example:4318");
	assert_int_equal(c.exports.otlp.metrics, 0);
}

static void refused_with(const char *text, const char *words)
{
	struct bh_config c;
	struct bh_error err = { 0 };

	assert_int_equal(parse(&c, text, &err), -EINVAL);
	if (strstr(err.text, words) == NULL)
		fail_msg("%s: %s", text, err.text);
}

static void wrong_webhooks_are_refused(void **state)
{
	(void)state;
	refused_with("exports: {webhooks: [{url: \"ftp://a/\"}]}",
		     "test.yaml:1:23: exports.webhooks[0].url: expected http://… or https://…");
	refused_with("exports: {webhooks: [{url: \"https://me:word@a/\"}]}",
		     "without a user's name");
	refused_with("exports: {webhooks: [{url: off}]}", "expected http://…");
	refused_with("exports: {webhooks: [{secret: /s}]}", "expected a map with url");
	refused_with(
		"exports: {webhooks: [{url: \"http://a\", secret: s}]}",
		"exports.webhooks[0].secret: found \"s\", expected a file's absolute path, or off");
	refused_with("exports: {webhooks: [{url: \"http://a\", kinds: [leek]}]}",
		     "a list of at most 16 kinds of events");
	refused_with("exports: {webhooks: [{url: \"http://a\", format: ecs}]}",
		     "one of bulkhead, slack");
	refused_with(
		"exports: {webhooks: [{url: \"http://a\", uri: b}]}",
		"exports.webhooks[0].uri: expected one of the keys url, secret, ca, kinds, format");
	refused_with("exports: {webhooks: \"http://a\"}", "a list of at most 4");
	refused_with("exports: {otlp: {url: \"collector:4318\"}}",
		     "exports.otlp.url: expected http://HOST:PORT or https://HOST:PORT, without "
		     "/v1/logs, or off");
	refused_with("exports: {otlp: {url: \"http://c:4318/v1/logs\"}}", "without /v1/logs");
	refused_with("exports: {otlp: {url: \"http://c:4318?a=b\"}}", "without /v1/logs");
	refused_with("exports: {webhooks: [{url: \"http:///x\"}]}", "expected http://…");
}

static void wrong_collectors_are_refused(void **state)
{
	static const char *const wrong[] = {
		"192.0.2.10:9995",   "http://192.0.2.10",  "udp://",
		"udp://:4739",	     "udp://a:0",	   "udp://a:65536",
		"udp://a:1x",	     "udp://a:",	   "udp://a:+1",
		"udp://2001:db8::5", "udp://[2001:db8::5", "udp://[192.0.2.1]:1",
		"udp://a/b",	     "udp://a b"
	};
	struct bh_config c;
	struct bh_error err = { 0 };
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "exports:\n  ipfix:\n    collectors: [\"%s\"]\n",
			 wrong[i]);
		assert_int_equal(parse(&c, text, &err), -EINVAL);
		assert_non_null(strstr(err.text, "test.yaml:3:18: exports.ipfix.collectors[0]: "));
		assert_non_null(strstr(err.text, "udp://HOST:PORT or tcp://HOST:PORT"));
	}
	assert_int_equal(parse(&c, "exports: {ipfix: {collectors: [udp://a, udp://a:4739]}}", &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "each collector once"));
	assert_int_equal(parse(&c, "exports: {ipfix: {collectors: udp://a}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "a list of at most 8"));
	assert_int_equal(parse(&c, "exports: {ipfix: {message_size: 100}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "a number from 1000 to 65507"));
	assert_int_equal(parse(&c, "exports: {ipfix: {colectors: []}}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean exports.ipfix.collectors?"));
}

/* In a pod, its environment says where the API server is. */
static void kubernetes_is_found_by_the_environment(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	setenv("KUBERNETES_SERVICE_PORT_HTTPS", "6443", 1);
	setenv("NODE_NAME", "node-7", 1);
	assert_int_equal(parse(&c, "runtimes: {kubernetes: auto, kubernetes_node: auto}", &err), 0);
	assert_string_equal(c.kubernetes_server, "https://10.96.0.1:6443");
	assert_string_equal(c.kubernetes_node, "node-7");
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	bh_config_defaults(&c);
	assert_string_equal(c.kubernetes_server, "https://[fd00::1]:6443");
	assert_int_equal(parse(&c, "runtimes: {kubernetes: off}", &err), 0);
	assert_string_equal(c.kubernetes_server, "");
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("NODE_NAME");
	bh_config_defaults(&c);
	assert_string_equal(c.kubernetes_server, "");
	assert_string_not_equal(c.kubernetes_node, "");
}

static void postures_are_read_in_order(void **state)
{
	static const char *const wrong[] = {
		"enforcement: {postures: closed}",
		"enforcement: {postures: {match: x, posture: open}}",
		"enforcement: {postures: [x]}",
		"enforcement: {postures: [{match: x}]}",
		"enforcement: {postures: [{match: x, posture: shut}]}",
		"enforcement: {postures: [{match: \"\", posture: open}]}",
		"enforcement: {postures: [{match: [x], posture: open}]}",
		"enforcement: {postures: [{match: x, posture: open, else: 1}]}",
		"enforcement: {postures: [{match: x, other: y}]}",
	};
	struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(parse(&c,
			       "enforcement:\n  postures:\n"
			       "    - {match: \"compose:bank/*\", posture: closed}\n"
			       "    - {posture: audit, match: \"bridge:docker0\"}\n",
			       &err),
			 0);
	assert_int_equal(c.postures.count, 2);
	assert_string_equal(c.postures.items[0].match, "compose:bank/*");
	assert_int_equal(c.postures.items[0].posture, BH_POSTURE_CLOSED);
	assert_string_equal(c.postures.items[1].match, "bridge:docker0");
	assert_int_equal(c.postures.items[1].posture, BH_POSTURE_AUDIT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err = (struct bh_error) { 0 };
		assert_int_equal(parse(&c, wrong[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "enforcement.postures"));
	}
}

/* A pattern is refused where nothing can be called so, and only there. */
static void a_posture_is_for_somebody_who_can_be(void **state)
{
	static const char *const good[] = {
		"*",	      "*:shop/*",      "com*",		 "c?mpose:x",
		"[ck]*",      "k8s:prod/*",    "docker:*",	 "team:a",
		"bridge:br0", "label:visitor", "interface:veth*"
	};
	static const char *const bad[] = { "compse:shop/*", "web",	    "web*",	"compose",
					   "teem:*",	    "kubernetes:*", "compose/*" };
	static struct bh_config c;
	struct bh_error err = { 0 };
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			 "enforcement: {postures: [{match: '%s', posture: audit}]}\n"
			 "workloads: [{match: {a: b}, name: 'team:{a}'}]",
			 good[i]);
		assert_int_equal(parse(&c, text, &err), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			 "workloads: [{match: {a: b}, name: 'team:{a}'}]\n"
			 "enforcement: {postures: [{match: '%s', posture: audit}]}",
			 bad[i]);
		assert_int_equal(parse(&c, text, &err), -EINVAL);
		assert_non_null(
			strstr(err.text, "test.yaml:2:27: enforcement.postures[0].match: "));
	}
}

static void places_of_the_web_interface_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good, local;
		int family;
	} cases[] = {
		{ "/run/x.sock", true, true, AF_UNIX },
		{ "web.sock", true, true, AF_UNIX },
		{ "127.0.0.1:7480", true, true, AF_INET },
		{ "127.9.9.9:1", true, true, AF_INET },
		{ "[::1]:7480", true, true, AF_INET6 },
		{ "0.0.0.0:7480", true, false, AF_INET },
		{ "192.0.2.7:65535", true, false, AF_INET },
		{ "[::]:443", true, false, AF_INET6 },
		{ "[2001:db8::1]:443", true, false, AF_INET6 },
		{ "", false, false, 0 },
		{ "127.0.0.1", true, true, AF_UNIX },
		{ "127.0.0.1:0", false, false, 0 },
		{ "127.0.0.1:65536", false, false, 0 },
		{ "127.0.0.1:80x", false, false, 0 },
		{ "::1:80", false, false, 0 },
		{ "[::1]", false, false, 0 },
		{ "localhost:80", false, false, 0 },
		{ "[127.0.0.1]:80", false, false, 0 },
		{ "run/x.sock", false, false, 0 },
	};
	struct bh_web_place place;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = bh_web_place_parse(cases[i].text, "/run/bulkhead", &place);

		assert_int_equal(good, cases[i].good);
		if (good) {
			assert_int_equal(place.local, cases[i].local);
			assert_int_equal(place.address.ss_family, cases[i].family);
		}
	}
	assert_true(bh_web_place_parse("web.sock", "/run/bulkhead", &place));
	assert_string_equal(((struct sockaddr_un *)(void *)&place.address)->sun_path,
			    "/run/bulkhead/web.sock");
}

static void what_others_reach_has_a_certificate(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "web: {listen: ['0.0.0.0:7480']}",
		  "test.yaml:1:16: web.listen[0]: found \"0.0.0.0:7480\", expected a loopback "
		  "address; any other one needs web.certificate and web.key" },
		{ "web: {listen: [web.sock, 'here:80']}",
		  "test.yaml:1:26: web.listen[1]: found \"here:80\", expected a socket's path, a "
		  "name in run_directory, or an address with a port: 127.0.0.1:7480, [::1]:7480" },
		{ "web: {certificate: /etc/x.pem}", "test.yaml:1:1: web: found a map, expected "
						    "certificate and key, both or neither" },
		{ "web: {client_ca: /etc/ca.pem}", "test.yaml:1:1: web: found a map, expected "
						   "certificate and key beside client_ca" },
		{ "web: {listen: ['0.0.0.0:7480'], certificate: /a, key: /b}", NULL },
		{ "web: {listen: []}", NULL },
	};
	struct bh_config config;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_error err = { 0 };
		int result = parse(&config, cases[i].text, &err);

		assert_int_equal(result, cases[i].error != NULL ? -EINVAL : 0);
		assert_string_equal(err.text, cases[i].error != NULL ? cases[i].error : "");
	}
	assert_int_equal(config.web_listen.count, 0);
}

static void json_and_empty_files_are_read(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(parse(&c, "{\"learning\": {\"window\": \"1h\"}}", &err), 0);
	assert_int_equal(c.window, 3600 * BH_SECOND);
	assert_int_equal(parse(&c, "# nothing but a comment\n", &err), 0);
	assert_int_equal(parse(&c, "", &err), 0);
}

static void rules_about_workloads_are_read(void **state)
{
	static struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(parse(&c,
			       "workloads:\n"
			       "  - match: {com.example.app: shop, bulkhead.image: 'db/*'}\n"
			       "    name: '{com.example.app}-db'\n"
			       "  - {name: rest, match: {bulkhead.name: '*'}}\n",
			       &err),
			 0);
	assert_int_equal(c.grouping.rule_count, 2);
	assert_int_equal(c.grouping.rules[0].match_count, 2);
	assert_string_equal(c.grouping.text + c.grouping.rules[0].matches[1].pattern, "db/*");
	assert_string_equal(c.grouping.text + c.grouping.rules[1].name, "rest");
	assert_true(bh_grouping_is_sound(&c.grouping));
}

static const struct {
	const char *text;
	const char *message;
} broken[] = {
	{ "runtimes: {kubernetes: http://10.0.0.1}",
	  "test.yaml:1:12: runtimes.kubernetes: found \"http://10.0.0.1\", expected "
	  "https://HOST or https://HOST:PORT, auto, or off" },
	{ "runtimes: {kubernetes_node: Node_1}",
	  "test.yaml:1:12: runtimes.kubernetes_node: found \"Node_1\", expected a node's "
	  "name, or auto" },
	{ "captur: {snaplen: 256}", "test.yaml:1:1: unknown key captur; did you mean capture?" },
	{ "capture:\n  snaplne: 256", "test.yaml:2:3: unknown key capture.snaplne; did you mean "
				      "capture.snaplen?" },
	{ "wibble: 1", "test.yaml:1:1: unknown key wibble; config/bulkhead.yaml lists every key" },
	{ "capture:\n  snaplen: tall",
	  "test.yaml:2:3: capture.snaplen: found \"tall\", expected a number from 128 to 65535" },
	{ "capture: {snaplen: 70000}",
	  "test.yaml:1:11: capture.snaplen: found \"70000\", expected a "
	  "number from 128 to 65535" },
	{ "capture: {workers: 17}", "test.yaml:1:11: capture.workers: found \"17\", expected a "
				    "number from 1 to 16, or auto" },
	{ "capture: {workers: 0}", "test.yaml:1:11: capture.workers: found \"0\", expected a "
				   "number from 1 to 16, or auto" },
	{ "enforcement: {existing: drain}",
	  "test.yaml:1:15: enforcement.existing: found \"drain\", expected " BH_EXISTING_WORDS },
	{ "capture: [1]", "test.yaml:1:1: capture: found a list, expected a map of its keys" },
	{ "capture: {ring: 3}",
	  "test.yaml:1:11: capture.ring: found \"3\", expected a size from 1MiB "
	  "to 1024MiB" },
	{ "capture: {idle_timeout: 5x}", "test.yaml:1:11: capture.idle_timeout: found \"5x\", "
					 "expected a duration from 1s to 86400s "
					 "(90s, 15m, 2h, 7d)" },
	{ "identity: {netns_ordinals: maybe}", "test.yaml:1:12: identity.netns_ordinals: found "
					       "\"maybe\", expected true or false" },
	{ "enforcement: {posture: shut}", "test.yaml:1:15: enforcement.posture: found \"shut\", "
					  "expected one of open, audit, closed" },
	{ "interfaces: {uplinks: eth0}",
	  "test.yaml:1:14: interfaces.uplinks: found \"eth0\", expected "
	  "a list of at most 16 shell patterns" },
	{ "learning: {sensitive_ports: 22}",
	  "test.yaml:1:12: learning.sensitive_ports: found \"22\", expected a list of at most 128 "
	  "different ports, 1 to 65535" },
	{ "learning: {sensitive_ports: [22, 0]}",
	  "test.yaml:1:12: learning.sensitive_ports: found a list, expected a list of at most 128 "
	  "different ports, 1 to 65535" },
	{ "learning: {sensitive_ports: [65536]}",
	  "test.yaml:1:12: learning.sensitive_ports: found a list, expected a list of at most 128 "
	  "different ports, 1 to 65535" },
	{ "learning: {sensitive_ports: [22, 22]}",
	  "test.yaml:1:12: learning.sensitive_ports: found a list, expected a list of at most 128 "
	  "different ports, 1 to 65535" },
	{ "learning: {sensitive_ports: [ssh]}",
	  "test.yaml:1:12: learning.sensitive_ports: found a list, expected a list of at most 128 "
	  "different ports, 1 to 65535" },
	{ "api: {socket: run/api}", "test.yaml:1:7: api.socket: found \"run/api\", expected an "
				    "absolute path of at most 255 bytes" },
	{ "workloads: {a: b}", "test.yaml:1:1: workloads: found a map, expected a list of rules" },
	{ "workload: []", "test.yaml:1:1: unknown key workload; did you mean workloads?" },
	{ "workloads:\n  - web", "test.yaml:2:5: workloads[0]: found \"web\", expected a map with "
				 "match and name" },
	{ "workloads:\n  - name: web", "test.yaml:2:5: workloads[0]: found a map, expected both of "
				       "match and name" },
	{ "workloads:\n  - {name: web, match: {}}", "test.yaml:2:17: workloads[0].match: found a "
						    "map, expected a map of labels and shell "
						    "patterns" },
	{ "workloads:\n  - {name: web, match: {a: [b]}}",
	  "test.yaml:2:25: workloads[0].match: found "
	  "a list, expected a label and a shell "
	  "pattern" },
	{ "workloads:\n  - {name: '{a', match: {a: b}}", "test.yaml:2:6: workloads[0].name: found "
							 "\"{a\", expected } after each {" },
	{ "workloads:\n  - {name: [a], match: {a: b}}",
	  "test.yaml:2:6: workloads[0].name: found a "
	  "list, expected a name, with labels in {}" },
	{ "workloads:\n  - {name: a, match: {a: b}, image: c}",
	  "test.yaml:2:30: workloads[0].image: found \"c\", expected nothing: a rule has match and "
	  "name" },
	{ "workloads:\n  - {name: a, match: {bulkhead.images: b}}",
	  "test.yaml:2:23: workloads[0].match: nothing is called bulkhead.images; did you mean "
	  "bulkhead.image?" },
	{ "workloads:\n  - {name: a, match: {bulkhead.colour: b}}",
	  "test.yaml:2:23: workloads[0].match: nothing is called bulkhead.colour; "
	  "docs/workloads.md lists what is" },
	{ "workloads:\n  - {name: a, match: {app: '[x'}}",
	  "test.yaml:2:23: workloads[0].match: found \"[x\", expected ] after each [, or \\[ for "
	  "a bracket as such" },
	{ "workloads:\n  - {name: 'a-{ap}', match: {app: '*'}}",
	  "test.yaml:2:6: workloads[0].name: found \"a-{ap}\", expected in {} what match asks for; "
	  "where any ap will do, match has ap: \"*\"" },
	{ "workloads:\n  - {name: '{bulkhead.names}', match: {app: '*'}}",
	  "test.yaml:2:6: workloads[0].name: nothing is called bulkhead.names; did you mean "
	  "bulkhead.name?" },
	{ "enforcement:\n  postures:\n    - match: \"bridge:*\"\n      posture: shut",
	  "test.yaml:4:7: enforcement.postures[0].posture: found \"shut\", expected one of open, "
	  "audit, closed" },
	{ "enforcement:\n  postures:\n    - match: \"bridge:[\"\n      posture: open",
	  "test.yaml:3:7: enforcement.postures[0].match: found \"bridge:[\", expected ] after each "
	  "[, or \\[ for a bracket as such" },
	{ "interfaces: {uplinks: ['eth[0']}", "test.yaml:1:14: interfaces.uplinks: found a list, "
					      "expected a list of at most 16 shell patterns" },
	{ "learning: {filters_off: [F7, never]}",
	  "test.yaml:1:12: learning.filters_off: found a list, expected a list of filters such as "
	  "[F7], without F1, denied and never" },
	{ "- a\n- b", "test.yaml:1:1: the file: found a list, expected a map of keys" },
	{ "log_level: info\nlog_level: debug", "test.yaml:2:1: the same key twice" },
	{ "log_level: &x info", "test.yaml:1:12: anchors and aliases are not used here" },
	{ "log_level: !!str info", "test.yaml:1:12: tags are not used here" },
	{ "log_level: info\n%YAML 1.2\n", "test.yaml:3:1: did not find expected <document start>" },
	{ "log_level: \xc2%", "test.yaml:1:12: not UTF-8" },
	{ "log_level: info\n---\nlog_level: debug",
	  "test.yaml:3:1: a second document in the file" },
};

static void broken_files_say_where_and_change_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct bh_config c, before;
		struct bh_error err = { 0 };

		memset(&before, 0, sizeof(before));
		bh_config_defaults(&before);
		memcpy(&c, &before, sizeof(c));
		assert_int_equal(bh_config_parse(&c, broken[i].text, strlen(broken[i].text),
						 "test.yaml", &err),
				 -EINVAL);
		assert_string_equal(err.text, broken[i].message);
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

static void syntax_errors_have_a_line(void **state)
{
	struct bh_config c;
	struct bh_error err = { 0 };

	(void)state;
	assert_int_equal(parse(&c, "capture:\n  snaplen: [1, 2\nx: {", &err), -EINVAL);
	assert_int_equal(strncmp(err.text, "test.yaml:", 10), 0);
	assert_int_equal(bh_config_load(&c, "/nonexistent/bulkhead.yaml", &err), -ENOENT);
	assert_string_equal(err.text,
			    "configuration /nonexistent/bulkhead.yaml: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented_file_is_the_defaults),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(collectors_are_read),
		cmocka_unit_test(wrong_collectors_are_refused),
		cmocka_unit_test(webhooks_are_read),
		cmocka_unit_test(wrong_webhooks_are_refused),
		cmocka_unit_test(logs_are_read),
		cmocka_unit_test(rules_about_workloads_are_read),
		cmocka_unit_test(postures_are_read_in_order),
		cmocka_unit_test(a_posture_is_for_somebody_who_can_be),
		cmocka_unit_test(kubernetes_is_found_by_the_environment),
		cmocka_unit_test(places_of_the_web_interface_are_read),
		cmocka_unit_test(what_others_reach_has_a_certificate),
		cmocka_unit_test(json_and_empty_files_are_read),
		cmocka_unit_test(broken_files_say_where_and_change_nothing),
		cmocka_unit_test(syntax_errors_have_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
