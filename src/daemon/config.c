/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "config_exports.h"
#include "config_postures.h"
#include "config_web.h"
#include "config_webhooks.h"
#include "config_workloads.h"
#include "grow.h"
#include "ipfix.h"
#include "log.h"
#include "log_record.h"
#include "nearest.h"
#include "pattern.h"
#include "ruleset.h"
#include "filters.h"
#include "sensitive.h"
#include "timefmt.h"
#include "yaml_tree.h"

enum kind {
	TEXT,	       /* any text, "" too */
	PATH,	       /* absolute */
	OPTIONAL_PATH, /* absolute, or "off" */
	SERVER,	       /* https://…, off, or auto: what the default found */
	NODE,	       /* a name that DNS could have, or auto */
	LIST,
	PATTERNS, /* a list of shell patterns */
	SWITCH,	  /* true, false */
	NUMBER,
	COUNT, /* a number, or "auto": 0 */
	BYTES, /* a number, or with KiB, MiB, GiB */
	DURATION,
	PERIOD,	 /* a duration, or "off": 0 */
	WORD,	 /* one of words[] */
	PORTS,	 /* a list of port numbers */
	FILTERS, /* a list of the learner's filters */
	RULES,	 /* about workloads */
	EXISTING,
	POSTURES,
	COLLECTORS,
	SYSLOG, /* where to, or off */
	KINDS,	/* a list of kinds of events */
	WEBHOOKS,
	OTLP, /* http://… or https://…, or off */
};

struct key {
	const char *path; /* section.key, or a key of the top level */
	enum kind kind;
	size_t offset;
	int64_t least, most; /* numbers, bytes, durations (µs) */
	const char *const *words;
};

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const capture_modes[] = { "full", "control", NULL };
static const char *const postures[] = { "open", "audit", "closed", NULL };
static const char *const promotions[] = { "confirm", "auto", NULL };
static const char *const anonymous[] = { "none", "viewer", NULL };
static const char *const bridge_paths[] = { "stateful", "stateless", NULL };
static const char *const protections[] = { "watch", "owner", NULL };

/* As enum bh_log_format has them. */
static const char *const line_formats[] = { "bulkhead", "ecs", "otel", NULL };
static const char *const syslog_formats[] = { "bulkhead", "ecs", "otel", "text", NULL };
/* RFC 5424, 6.2.1, by number. */
static const char *const facilities[] = { "kern",     "user",	"mail",	  "daemon", "auth",
					  "syslog",   "lpr",	"news",	  "uucp",   "cron",
					  "authpriv", "ftp",	"ntp",	  "audit",  "alert",
					  "clock",    "local0", "local1", "local2", "local3",
					  "local4",   "local5", "local6", "local7", NULL };

#define AT(field) offsetof(struct bh_config, field)
#define DAY (86400 * BH_SECOND)

static const struct key keys[] = {
	{ "state_directory", PATH, AT(state_directory), 0, 0, NULL },
	{ "run_directory", PATH, AT(run_directory), 0, 0, NULL },
	{ "log_level", WORD, AT(log_level), 0, 0, log_levels },
	{ "users.capture", TEXT, AT(capture_user), 0, 0, NULL },
	{ "users.core", TEXT, AT(core_user), 0, 0, NULL },
	{ "api.socket", PATH, AT(api_socket), 0, 0, NULL },
	{ "api.operator_group", TEXT, AT(operator_group), 0, 0, NULL },
	{ "web.listen", LIST, AT(web_listen), 0, 0, NULL },
	{ "web.certificate", OPTIONAL_PATH, AT(web_certificate), 0, 0, NULL },
	{ "web.key", OPTIONAL_PATH, AT(web_key), 0, 0, NULL },
	{ "web.client_ca", OPTIONAL_PATH, AT(web_client_ca), 0, 0, NULL },
	{ "web.operators", LIST, AT(web_operators), 0, 0, NULL },
	{ "web.metrics_workloads", NUMBER, AT(metrics_workloads), 0, 100000, NULL },
	{ "web.anonymous", WORD, AT(web_anonymous), 0, 0, anonymous },
	{ "interfaces.uplinks", PATTERNS, AT(uplinks), 0, 0, NULL },
	{ "capture.ring", BYTES, AT(ring_bytes), 1 << 20, 1 << 30, NULL },
	{ "capture.mode", WORD, AT(mode), 0, 0, capture_modes },
	{ "capture.cpu", NUMBER, AT(cpu), 0, 100 * BH_MOST_WORKERS, NULL },
	{ "capture.workers", COUNT, AT(workers), 1, BH_MOST_WORKERS, NULL },
	{ "capture.snaplen", NUMBER, AT(snaplen), 128, 65535, NULL },
	{ "capture.max_flows", NUMBER, AT(max_flows), 1000, 50000000, NULL },
	{ "capture.idle_timeout", DURATION, AT(idle_timeout), BH_SECOND, DAY, NULL },
	{ "capture.tcp_idle_timeout", DURATION, AT(tcp_idle_timeout), BH_SECOND, 30 * DAY, NULL },
	{ "capture.report_interval", DURATION, AT(report_interval), BH_SECOND, DAY, NULL },
	{ "identity.netns_directories", LIST, AT(netns_directories), 0, 0, NULL },
	{ "identity.netns_ordinals", SWITCH, AT(netns_ordinals), 0, 0, NULL },
	{ "identity.keep_departed", DURATION, AT(keep_departed), BH_SECOND, 30 * DAY, NULL },
	{ "identity.receive_buffer", BYTES, AT(receive_buffer), 4096, 1 << 30, NULL },
	{ "identity.keep_history", DURATION, AT(keep_history), 60 * BH_SECOND, 3660 * DAY, NULL },
	{ "identity.max_history", NUMBER, AT(max_history), 100, 10000000, NULL },
	{ "runtimes.docker", OPTIONAL_PATH, AT(docker_socket), 0, 0, NULL },
	{ "runtimes.podman", OPTIONAL_PATH, AT(podman_socket), 0, 0, NULL },
	{ "runtimes.podman_storage", OPTIONAL_PATH, AT(podman_storage), 0, 0, NULL },
	{ "workloads", RULES, AT(grouping), 0, 0, NULL },
	{ "runtimes.cni", OPTIONAL_PATH, AT(cni_results), 0, 0, NULL },
	{ "runtimes.containerd", OPTIONAL_PATH, AT(containerd_bundles), 0, 0, NULL },
	{ "runtimes.crio", OPTIONAL_PATH, AT(crio_bundles), 0, 0, NULL },
	{ "runtimes.lxc", OPTIONAL_PATH, AT(lxc_containers), 0, 0, NULL },
	{ "runtimes.lxd", OPTIONAL_PATH, AT(lxd_socket), 0, 0, NULL },
	{ "runtimes.incus", OPTIONAL_PATH, AT(incus_socket), 0, 0, NULL },
	{ "runtimes.machines", OPTIONAL_PATH, AT(machines), 0, 0, NULL },
	{ "runtimes.kubernetes", SERVER, AT(kubernetes_server), 0, 0, NULL },
	{ "runtimes.kubernetes_node", NODE, AT(kubernetes_node), 0, 0, NULL },
	{ "runtimes.kubernetes_token", PATH, AT(kubernetes_token), 0, 0, NULL },
	{ "runtimes.kubernetes_ca", PATH, AT(kubernetes_ca), 0, 0, NULL },
	{ "learning.window", DURATION, AT(window), BH_SECOND, 366 * DAY, NULL },
	{ "learning.offset", DURATION, AT(window_offset), 0, 366 * DAY, NULL },
	{ "learning.max_edges", NUMBER, AT(max_edges), 100, 10000000, NULL },
	{ "learning.sensitive_ports", PORTS, AT(sensitive), 0, 0, NULL },
	{ "learning.filters_off", FILTERS, AT(filters_off), 0, 0, NULL },
	{ "learning.promotion", WORD, AT(promotion), 0, 0, promotions },
	{ "learning.deploy_audit", SWITCH, AT(deploy_audit), 0, 0, NULL },
	{ "enforcement.posture", WORD, AT(posture), 0, 0, postures },
	{ "enforcement.postures", POSTURES, AT(postures), 0, 0, NULL },
	{ "enforcement.existing", EXISTING, AT(existing), 0, 0, NULL },
	{ "enforcement.table_protection", WORD, AT(table_protection), 0, 0, protections },
	{ "enforcement.verify_every", DURATION, AT(verify_every), 10 * BH_SECOND, 7 * DAY, NULL },
	{ "enforcement.bridge", WORD, AT(bridge), 0, 0, bridge_paths },
	{ "enforcement.self_test", PERIOD, AT(self_test), 10 * BH_SECOND, DAY, NULL },
	{ "enforcement.log_group", NUMBER, AT(log_group), 1, 65535, NULL },
	{ "history.flows", NUMBER, AT(keep_flows), 0, 100000000, NULL },
	{ "history.traffic", DURATION, AT(keep_traffic), DAY, 3660 * DAY, NULL },
	{ "events.keep", NUMBER, AT(keep_events), 100, 100000000, NULL },
	{ "exports.active_timeout", DURATION, AT(exports.active_timeout), BH_SECOND, DAY, NULL },
	{ "exports.ipfix.collectors", COLLECTORS, AT(exports.ipfix), 0, 0, NULL },
	{ "exports.ipfix.biflows", SWITCH, AT(exports.ipfix.biflows), 0, 0, NULL },
	{ "exports.ipfix.enterprise", NUMBER, AT(exports.ipfix.enterprise), 1, UINT32_MAX, NULL },
	{ "exports.ipfix.domain", NUMBER, AT(exports.ipfix.domain), 0, UINT32_MAX, NULL },
	{ "exports.ipfix.message_size", NUMBER, AT(exports.ipfix.message_size),
	  BH_IPFIX_LEAST_MESSAGE, BH_IPFIX_MOST_MESSAGE, NULL },
	{ "exports.ipfix.template_interval", DURATION, AT(exports.ipfix.template_interval),
	  BH_SECOND, DAY, NULL },
	{ "exports.ipfix.template_messages", NUMBER, AT(exports.ipfix.template_messages), 1,
	  1000000, NULL },
	{ "exports.ipfix.queue", BYTES, AT(exports.ipfix.queue), 1 << 20, 1 << 30, NULL },
	{ "exports.file.path", OPTIONAL_PATH, AT(exports.file.path), 0, 0, NULL },
	{ "exports.file.flows", SWITCH, AT(exports.file.log.flows), 0, 0, NULL },
	{ "exports.file.events", SWITCH, AT(exports.file.log.events), 0, 0, NULL },
	{ "exports.file.kinds", KINDS, AT(exports.file.log), 0, 0, NULL },
	{ "exports.file.format", WORD, AT(exports.file.log.format), 0, 0, line_formats },
	{ "exports.file.size", BYTES, AT(exports.file.size), 1 << 20, INT64_C(1) << 40, NULL },
	{ "exports.file.age", DURATION, AT(exports.file.age), 60 * BH_SECOND, 366 * DAY, NULL },
	{ "exports.file.keep", NUMBER, AT(exports.file.keep), 0, 1000, NULL },
	{ "exports.syslog.to", SYSLOG, AT(exports.syslog.to), 0, 0, NULL },
	{ "exports.syslog.facility", WORD, AT(exports.syslog.facility), 0, 0, facilities },
	{ "exports.syslog.flows", SWITCH, AT(exports.syslog.log.flows), 0, 0, NULL },
	{ "exports.syslog.events", SWITCH, AT(exports.syslog.log.events), 0, 0, NULL },
	{ "exports.syslog.kinds", KINDS, AT(exports.syslog.log), 0, 0, NULL },
	{ "exports.syslog.format", WORD, AT(exports.syslog.log.format), 0, 0, syslog_formats },
	{ "exports.journal.socket", OPTIONAL_PATH, AT(exports.journal.socket), 0, 0, NULL },
	{ "exports.journal.flows", SWITCH, AT(exports.journal.log.flows), 0, 0, NULL },
	{ "exports.journal.events", SWITCH, AT(exports.journal.log.events), 0, 0, NULL },
	{ "exports.journal.kinds", KINDS, AT(exports.journal.log), 0, 0, NULL },
	{ "exports.webhooks", WEBHOOKS, AT(exports.webhooks), 0, 0, NULL },
	{ "exports.otlp.url", OTLP, AT(exports.otlp.url), 0, 0, NULL },
	{ "exports.otlp.headers", OPTIONAL_PATH, AT(exports.otlp.headers), 0, 0, NULL },
	{ "exports.otlp.ca", OPTIONAL_PATH, AT(exports.otlp.ca), 0, 0, NULL },
	{ "exports.otlp.flows", SWITCH, AT(exports.otlp.log.flows), 0, 0, NULL },
	{ "exports.otlp.events", SWITCH, AT(exports.otlp.log.events), 0, 0, NULL },
	{ "exports.otlp.kinds", KINDS, AT(exports.otlp.log), 0, 0, NULL },
	{ "exports.otlp.metrics", PERIOD, AT(exports.otlp.metrics), BH_SECOND, DAY, NULL },
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static void set_list(struct bh_config_list *list, const char *const *items)
{
	*list = (struct bh_config_list) { 0 };
	for (; *items != NULL; items++)
		bh_copy_text(list->items[list->count++], BH_CONFIG_TEXT, *items);
}

/* What a pod knows of the cluster that it runs in, and kubelet's own default for a node's name
 * (kubernetes.io/docs/tasks/run-application/access-api-from-pod). */
static void find_kubernetes(struct bh_config *c)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT_HTTPS");
	const char *node = getenv("NODE_NAME");
	char own[HOST_NAME_MAX + 1] = "";

	if (host != NULL && *host != '\0')
		snprintf(c->kubernetes_server, sizeof(c->kubernetes_server),
			 strchr(host, ':') != NULL ? "https://[%.64s]:%.5s" : "https://%.64s:%.5s",
			 host, port != NULL ? port : "443");
	if (node != NULL && bh_copy_text(c->kubernetes_node, sizeof(c->kubernetes_node), node))
		return;
	gethostname(own, sizeof(own) - 1);
	for (char *at = own; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	bh_copy_text(c->kubernetes_node, sizeof(c->kubernetes_node), own);
}

void bh_config_defaults(struct bh_config *c)
{
	static const char *const uplinks[] = { "eth*", "en*",  "wl*",  "bond*", "uplink*",
					       "wg*",  "tun*", "tap*", NULL };
	static const char *const places[] = { "web.sock", NULL };
	static const char *const directories[] = { "/run/netns", "/run/docker/netns", NULL };

	*c = (struct bh_config) {
		.state_directory = "/var/lib/bulkhead",
		.run_directory = "/run/bulkhead",
		.log_level = BH_LOG_INFO,
		.capture_user = "bulkhead-capture",
		.core_user = "bulkhead",
		.api_socket = "/run/bulkhead/api.sock",
		.operator_group = "bulkhead",
		.ring_bytes = 32 << 20,
		.workers = 1,
		.snaplen = 256,
		.max_flows = 200000,
		.idle_timeout = 60 * BH_SECOND,
		.tcp_idle_timeout = DAY,
		.report_interval = BH_SECOND,
		.netns_ordinals = true,
		.keep_departed = 600 * BH_SECOND,
		.receive_buffer = 8 << 20,
		.keep_history = 30 * DAY,
		.max_history = 50000,
		.docker_socket = "/run/docker.sock",
		.podman_socket = "/run/podman/podman.sock",
		.podman_storage = "/var/lib/containers/storage",
		.cni_results = "/var/lib/cni/results",
		.containerd_bundles = "/run/containerd/io.containerd.runtime.v2.task",
		.crio_bundles = "/run/containers/storage/overlay-containers",
		.lxc_containers = "/var/lib/lxc",
		.lxd_socket = "/var/lib/lxd/unix.socket",
		.incus_socket = "/var/lib/incus/unix.socket",
		.machines = "/run/systemd/machines",
		.kubernetes_token = "/var/run/secrets/kubernetes.io/serviceaccount/token",
		.kubernetes_ca = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
		.window = DAY,
		.max_edges = 100000,
		.sensitive = bh_sensitive_default,
		.deploy_audit = true,
		.table_protection = BH_TABLE_OWNER,
		.bridge = BH_BRIDGE_STATELESS,
		.self_test = 600 * BH_SECOND,
		.verify_every = 300 * BH_SECOND,
		.log_group = 5070,
		.keep_events = 100000,
		.metrics_workloads = 200,
		.keep_flows = 100000,
		.keep_traffic = 90 * DAY,
		.exports = { .active_timeout = 60 * BH_SECOND,
			     .ipfix = { .biflows = true,
					.enterprise = 32473,
					.message_size = 1400,
					.template_interval = 60 * BH_SECOND,
					.template_messages = 1000,
					.queue = 8 << 20 },
			     .file = { .log = { .events = true },
				       .size = 64 << 20,
				       .age = DAY,
				       .keep = 7 },
			     .syslog = { .log = { .events = true, .format = BH_LOG_FORMAT_TEXT },
					 .facility = 3 },
			     .journal = { .log = { .events = true } },
			     .otlp = { .log = { .events = true }, .metrics = 60 * BH_SECOND } },
	};
	find_kubernetes(c);
	set_list(&c->uplinks, uplinks);
	set_list(&c->netns_directories, directories);
	set_list(&c->web_listen, places);
}

int bh_config_refuse(struct bh_error *err, const char *file, const struct bh_yaml *node,
		     const char *path, const char *expected)
{
	char found[80];

	return bh_error_set(err, -EINVAL, "%s:%d:%d: %s: found %s, expected %s", file, node->line,
			    node->column, path, bh_yaml_found(node, found, sizeof(found)),
			    expected);
}

int bh_config_refuse_secret(struct bh_error *err, const char *file, const struct bh_yaml *node,
			    const char *path, const char *expected)
{
	return bh_error_set(err, -EINVAL, "%s:%d:%d: %s: expected %s", file, node->line,
			    node->column, path, expected);
}

static void expect_words(const struct key *key, char *out, size_t size)
{
	snprintf(out, size, "one of");
	for (size_t i = 0; key->words[i] != NULL; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s %s", i > 0 ? "," : "", key->words[i]);
	}
}

/* Of kinds that take the same whatever the key. */
static const char *const expectations[] = {
	[OPTIONAL_PATH] = "an absolute path, or off",
	[SERVER] = "https://HOST or https://HOST:PORT, auto, or off",
	[NODE] = "a node's name, or auto",
	[SWITCH] = "true or false",
	[FILTERS] = "a list of filters such as [F7], without F1, denied and never",
	[EXISTING] = BH_EXISTING_WORDS,
	[RULES] = "a list of rules",
	[POSTURES] = "a list of postures",
	[COLLECTORS] = "a list of collectors",
	[SYSLOG] = "unix:///dev/log, udp://HOST:PORT, tcp://HOST:PORT (an IPv6 address in "
		   "brackets), or off",
	[WEBHOOKS] = "a list of webhooks",
	[OTLP] = "http://HOST:PORT or https://HOST:PORT, without /v1/logs, or off",
};

static void expect_quantity(const struct key *key, char *out, size_t size)
{
	long long least = key->least, most = key->most;

	if (key->kind == BYTES)
		snprintf(out, size, "a size from %lldMiB to %lldMiB", least >> 20, most >> 20);
	else if (key->kind == DURATION || key->kind == PERIOD)
		snprintf(out, size, "a duration from %llds to %llds (90s, 15m, 2h, 7d)%s",
			 least / BH_SECOND, most / BH_SECOND,
			 key->kind == PERIOD ? ", or off" : "");
	else
		snprintf(out, size, "a number from %lld to %lld%s", least, most,
			 key->kind == COUNT ? ", or auto" : "");
}

/* What the key takes, in words. */
static const char *expectation(const struct key *key, char *out, size_t size)
{
	switch (key->kind) {
	case TEXT:
		snprintf(out, size, "a text of at most %d bytes", BH_CONFIG_TEXT - 1);
		break;
	case PATH:
		snprintf(out, size, "an absolute path of at most %d bytes", BH_CONFIG_TEXT - 1);
		break;
	case LIST:
		snprintf(out, size, "a list of at most %d texts", BH_CONFIG_LIST);
		break;
	case PATTERNS:
		snprintf(out, size, "a list of at most %d shell patterns", BH_CONFIG_LIST);
		break;
	case PORTS:
		snprintf(out, size, "a list of at most %d different ports, 1 to 65535",
			 BH_SENSITIVE_PORTS);
		break;
	case KINDS:
		snprintf(out, size,
			 "a list of at most %d kinds of events (docs/reference/events.md has them)",
			 BH_CONFIG_KINDS);
		break;
	case WORD:
		expect_words(key, out, size);
		break;
	case NUMBER:
	case COUNT:
	case BYTES:
	case DURATION:
	case PERIOD:
		expect_quantity(key, out, size);
		break;
	default:
		return expectations[key->kind];
	}
	return out;
}

static bool read_number(const char *text, int64_t *out, const char **rest)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	*rest = end;
	return errno == 0 && end != text;
}

static bool read_bytes(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		int shift;
	} units[] = { { "", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
	const char *rest;

	if (!read_number(text, out, &rest) || *out < 0 || *out > INT32_MAX)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].unit) == 0) {
			*out <<= units[i].shift;
			return true;
		}
	}
	return false;
}

static bool read_word(const struct key *key, const char *text, int64_t *out)
{
	for (*out = 0; key->words[*out] != NULL; (*out)++)
		if (strcmp(key->words[*out], text) == 0)
			return true;
	return false;
}

/* A scalar that stands for a whole number of some unit. */
static bool read_quantity(const struct key *key, const char *text, int64_t *out)
{
	const char *rest;
	bool read = key->kind == BYTES ? read_bytes(text, out)
		    : key->kind == DURATION || key->kind == PERIOD
			    ? bh_duration_parse(text, out)
			    : read_number(text, out, &rest) && *rest == '\0';

	return read && *out >= key->least && *out <= key->most;
}

bool bh_config_is_off(const char *text)
{
	return strcmp(text, "off") == 0 || strcmp(text, "false") == 0;
}

/* A quantity, or the word that stands for 0. */
static bool read_count(const struct key *key, const char *text, int64_t *out)
{
	if (key->kind == PERIOD ? !bh_config_is_off(text) : strcmp(text, "auto") != 0)
		return read_quantity(key, text, out);
	*out = 0;
	return true;
}

/* A token goes there: never in the clear. What stands behind the host is not left to be guessed. */
static bool is_server(const char *text)
{
	static const char scheme[] = "https://";
	const char *host = text + sizeof(scheme) - 1;

	return strncmp(text, scheme, sizeof(scheme) - 1) == 0 && *host != '\0' &&
	       strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    ".-:[]") == strlen(host);
}

static bool is_node(const char *text)
{
	return *text != '\0' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(text);
}

/* "auto" leaves what the default is. */
static bool read_name(const struct key *key, const char *text, char *out)
{
	if (strcmp(text, "auto") == 0)
		return true;
	if (key->kind == SERVER && bh_config_is_off(text)) {
		out[0] = '\0';
		return true;
	}
	return (key->kind == SERVER ? is_server(text) : is_node(text)) &&
	       bh_copy_text(out, BH_CONFIG_TEXT, text);
}

static bool read_text(const struct key *key, const char *text, char *out)
{
	if (key->kind == OPTIONAL_PATH && bh_config_is_off(text))
		text = "";
	else if (key->kind != TEXT && text[0] != '/')
		return false;
	return bh_copy_text(out, BH_CONFIG_TEXT, text);
}

static bool read_switch(const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0;
}

static bool read_list(const struct key *key, const struct bh_yaml *node, struct bh_config_list *out)
{
	*out = (struct bh_config_list) { 0 };
	if (node->kind != BH_YAML_LIST || node->count > BH_CONFIG_LIST)
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];

		if (item->kind != BH_YAML_SCALAR ||
		    (key->kind == PATTERNS && bh_pattern_fault(item->text) != NULL) ||
		    !bh_copy_text(out->items[out->count++], BH_CONFIG_TEXT, item->text))
			return false;
	}
	return true;
}

static bool read_port(const struct bh_yaml *item, struct bh_sensitive *out)
{
	const char *rest;
	int64_t port;

	if (item->kind != BH_YAML_SCALAR || !read_number(item->text, &port, &rest) ||
	    *rest != '\0' || port < 1 || port > UINT16_MAX ||
	    bh_is_sensitive(out, IPPROTO_TCP, (uint16_t)port))
		return false;
	out->ports[out->count++] = (uint16_t)port;
	return true;
}

static bool read_ports(const struct bh_yaml *node, struct bh_sensitive *out)
{
	*out = (struct bh_sensitive) { 0 };
	if (node->kind != BH_YAML_LIST || node->count > BH_SENSITIVE_PORTS)
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!read_port(&node->items[i], out))
			return false;
	return true;
}

static bool read_filters(const struct bh_yaml *node, int64_t *out)
{
	uint32_t bits;

	*out = 0;
	if (node->kind != BH_YAML_LIST)
		return false;
	for (size_t i = 0; i < node->count; i++) {
		if (node->items[i].kind != BH_YAML_SCALAR ||
		    !bh_filter_parse(node->items[i].text, &bits) ||
		    (bits & BH_FILTERS_NEVER_OFF) != 0)
			return false;
		*out |= bits;
	}
	return true;
}

static const struct key *find_key(const char *path)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

static bool read_value(const struct key *key, const struct bh_yaml *node, char *field)
{
	if (key->kind == LIST || key->kind == PATTERNS)
		return read_list(key, node, (struct bh_config_list *)(void *)field);
	if (key->kind == PORTS)
		return read_ports(node, (struct bh_sensitive *)(void *)field);
	if (key->kind == FILTERS)
		return read_filters(node, (int64_t *)(void *)field);
	if (key->kind == KINDS)
		return bh_config_read_kinds(node, (struct bh_config_log *)(void *)field);
	if (node->kind != BH_YAML_SCALAR)
		return false;
	switch (key->kind) {
	case SWITCH:
		return read_switch(node->text, (bool *)(void *)field);
	case WORD:
		return read_word(key, node->text, (int64_t *)(void *)field);
	case COUNT:
	case PERIOD:
		return read_count(key, node->text, (int64_t *)(void *)field);
	case NUMBER:
	case BYTES:
	case DURATION:
		return read_quantity(key, node->text, (int64_t *)(void *)field);
	case EXISTING:
		return bh_existing_parse(node->text, (struct bh_existing *)(void *)field);
	case SYSLOG:
		return bh_config_read_syslog(node->text,
					     (struct bh_config_collector *)(void *)field);
	case OTLP:
		return bh_config_read_otlp(node->text, field);
	case SERVER:
	case NODE:
		return read_name(key, node->text, field);
	default:
		return read_text(key, node->text, field);
	}
}

static bool is_section(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strncmp(keys[i].path, name, length) == 0 && keys[i].path[length] == '.')
			return true;
	return false;
}

static int refuse_unknown(struct bh_error *err, const char *file, const struct bh_yaml *node,
			  const char *path)
{
	/* Sections are words too, for a slip in the section's own name. */
	const char *words[KEY_COUNT * 2];
	char sections[KEY_COUNT][32];
	size_t count = 0;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		size_t length = strcspn(keys[i].path, ".");

		snprintf(sections[i], sizeof(sections[i]), "%.*s", (int)length, keys[i].path);
		words[count++] = keys[i].path;
		words[count++] = sections[i];
	}
	const char *near = bh_nearest(path, words, count);
	if (near == NULL)
		return bh_error_set(
			err, -EINVAL,
			"%s:%d:%d: unknown key %s; config/bulkhead.yaml lists every key", file,
			node->line, node->column, path);
	return bh_error_set(err, -EINVAL, "%s:%d:%d: unknown key %s; did you mean %s?", file,
			    node->line, node->column, path, near);
}

static int read_section(struct bh_config *config, const struct bh_yaml *map, const char *section,
			const char *file, struct bh_error *err)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct bh_yaml *node = &map->items[i];
		char path[128], expected[160];

		snprintf(path, sizeof(path), "%s%s%s", section, *section != '\0' ? "." : "",
			 node->key);
		const struct key *key = find_key(path);
		int result = 0;
		if (key != NULL && key->kind == POSTURES)
			result = bh_config_read_postures(&config->postures, node, file, err);
		else if (key != NULL && key->kind == COLLECTORS)
			result = bh_config_read_collectors(&config->exports.ipfix, node, file, err);
		else if (key != NULL && key->kind == WEBHOOKS)
			result =
				bh_config_read_webhooks(&config->exports.webhooks, node, file, err);
		else if (key != NULL && key->kind == RULES)
			result = bh_config_read_workloads(
				(struct bh_grouping *)(void *)((char *)config + key->offset), node,
				file, err);
		else if (key != NULL && !read_value(key, node, (char *)config + key->offset))
			result = (key->kind == OTLP ? bh_config_refuse_secret : bh_config_refuse)(
				err, file, node, path,
				expectation(key, expected, sizeof(expected)));
		else if (key == NULL && is_section(path))
			result = node->kind == BH_YAML_MAP
					 ? read_section(config, node, path, file, err)
					 : bh_config_refuse(err, file, node, path,
							    "a map of its keys");
		else if (key == NULL)
			result = refuse_unknown(err, file, node, path);
		if (result != 0)
			return result;
	}
	return 0;
}

int bh_config_parse(struct bh_config *config, const char *text, size_t length, const char *file,
		    struct bh_error *err)
{
	struct bh_yaml *root = bh_yaml_parse(text, length, file, err);

	if (root == NULL)
		return -EINVAL;
	struct bh_config read = *config;
	int result = root->kind == BH_YAML_MAP
			     ? read_section(&read, root, "", file, err)
			     : bh_config_refuse(err, file, root, "the file", "a map of keys");
	if (result == 0)
		result = bh_config_check_postures(&read, root, file, err);
	if (result == 0)
		result = bh_config_check_web(&read, root, file, err);
	bh_yaml_free(root);
	if (result == 0)
		*config = read;
	return result;
}

int bh_config_load(struct bh_config *config, const char *file, struct bh_error *err)
{
	struct bh_buffer text = { 0 };
	char chunk[4096];
	FILE *stream = fopen(file, "re");

	if (stream == NULL)
		return bh_error_set(err, -errno, "configuration %s: %s", file, strerror(errno));
	size_t got;
	while ((got = fread(chunk, 1, sizeof(chunk), stream)) > 0 && text.length < 1 << 20)
		bh_buffer_append(&text, chunk, got);
	int failed = ferror(stream);
	fclose(stream);
	int result = failed != 0 ? bh_error_set(err, -EIO, "configuration %s: cannot be read", file)
				 : bh_config_parse(config, text.length > 0 ? text.data : "",
						   text.length, file, err);
	bh_buffer_free(&text);
	return result;
}
