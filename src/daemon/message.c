/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message.h"

#include <string.h>

#include "config.h"
#include "runtime.h"

/* Texts end inside their field. */
static bool text_ok(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}
#define TEXT_OK(field) text_ok((field), sizeof(field))

/* A flag from another process may hold any byte; read as one, never as a bool, until it is known.
 */
static bool flag_ok(const bool *flag)
{
	uint8_t byte;

	memcpy(&byte, flag, 1);
	return byte <= 1;
}

static bool addr_ok(const struct bh_addr *addr)
{
	return addr->family == BH_NO_FAMILY || addr->family == BH_IPV4 || addr->family == BH_IPV6;
}

/* Times that can be subtracted from each other. */
static bool time_ok(int64_t time)
{
	return time >= 0 && time <= INT64_MAX / 4;
}

static bool check_list(const struct bh_config_list *list)
{
	bool ok = list->count <= BH_CONFIG_LIST;

	for (uint32_t i = 0; ok && i < list->count; i++)
		ok = TEXT_OK(list->items[i]);
	return ok;
}

static bool check_postures(const struct bh_config_postures *list)
{
	bool ok = list->count <= BH_CONFIG_POSTURES;

	for (uint32_t i = 0; ok && i < list->count; i++)
		ok = TEXT_OK(list->items[i].match) && list->items[i].posture <= BH_POSTURE_CLOSED;
	return ok;
}

static bool check_existing(const struct bh_existing *e)
{
	return e->how >= BH_EXISTING_CUT && e->how < BH_EXISTING_HOWS && e->drain >= 0 &&
	       e->drain <= BH_DRAIN_LONGEST;
}

static bool check_log(const struct bh_config_log *log)
{
	bool ok =
		flag_ok(&log->flows) && flag_ok(&log->events) && log->kind_count <= BH_CONFIG_KINDS;

	for (uint32_t i = 0; ok && i < log->kind_count; i++)
		ok = TEXT_OK(log->kinds[i]);
	return ok;
}

static bool check_logs(const struct bh_config_exports *e)
{
	return TEXT_OK(e->file.path) && TEXT_OK(e->syslog.to.host) && TEXT_OK(e->journal.socket) &&
	       e->syslog.to.transport < BH_TRANSPORTS && check_log(&e->file.log) &&
	       check_log(&e->syslog.log) && check_log(&e->journal.log);
}

static bool check_posts(const struct bh_config_exports *e)
{
	const struct bh_config_otlp *o = &e->otlp;
	bool ok = TEXT_OK(o->url) && TEXT_OK(o->headers) && TEXT_OK(o->ca) && check_log(&o->log) &&
		  o->metrics >= 0 && e->webhooks.count <= BH_CONFIG_WEBHOOKS;

	for (uint32_t i = 0; ok && i < e->webhooks.count; i++) {
		const struct bh_config_webhook *w = &e->webhooks.items[i];

		ok = TEXT_OK(w->url) && TEXT_OK(w->secret) && TEXT_OK(w->ca) && check_log(&w->log);
	}
	return ok;
}

static bool check_exports(const struct bh_config_exports *e)
{
	bool ok = e->ipfix.collector_count <= BH_CONFIG_COLLECTORS && flag_ok(&e->ipfix.biflows);

	for (uint32_t i = 0; ok && i < e->ipfix.collector_count; i++)
		ok = TEXT_OK(e->ipfix.collectors[i].host) &&
		     e->ipfix.collectors[i].transport < BH_TRANSPORTS;
	return ok && check_logs(e) && check_posts(e);
}

static bool check_config(const void *data)
{
	const struct bh_config *c = data;

	return TEXT_OK(c->state_directory) && TEXT_OK(c->run_directory) &&
	       TEXT_OK(c->capture_user) && TEXT_OK(c->core_user) && TEXT_OK(c->api_socket) &&
	       TEXT_OK(c->operator_group) && TEXT_OK(c->docker_socket) &&
	       TEXT_OK(c->podman_socket) && TEXT_OK(c->podman_storage) && TEXT_OK(c->cni_results) &&
	       TEXT_OK(c->containerd_bundles) && TEXT_OK(c->crio_bundles) &&
	       TEXT_OK(c->lxc_containers) && TEXT_OK(c->lxd_socket) && TEXT_OK(c->incus_socket) &&
	       TEXT_OK(c->machines) && TEXT_OK(c->kubernetes_server) &&
	       TEXT_OK(c->kubernetes_node) && TEXT_OK(c->kubernetes_token) &&
	       TEXT_OK(c->kubernetes_ca) && TEXT_OK(c->web_certificate) && TEXT_OK(c->web_key) &&
	       TEXT_OK(c->web_client_ca) && check_list(&c->web_listen) &&
	       check_list(&c->web_operators) && flag_ok(&c->netns_ordinals) &&
	       check_list(&c->uplinks) && check_list(&c->netns_directories) &&
	       bh_grouping_is_sound(&c->grouping) && check_postures(&c->postures) &&
	       c->sensitive.count <= BH_SENSITIVE_PORTS && check_existing(&c->existing) &&
	       check_exports(&c->exports);
}

static bool check_web_place(const void *data)
{
	return *(const uint32_t *)data < BH_CONFIG_LIST;
}

static bool check_endpoint(const void *data)
{
	const struct bh_endpoint_fact *f = data;
	bool ok = TEXT_OK(f->ifname) && TEXT_OK(f->l3_ifname) && TEXT_OK(f->netns_name) &&
		  TEXT_OK(f->container_id) && TEXT_OK(f->outward) && f->runtime < BH_RUNTIMES &&
		  f->upper < BH_UPPERS && TEXT_OK(f->upper_ifname) && TEXT_OK(f->upper_kind) &&
		  f->addr_count <= BH_ENDPOINT_ADDRS;

	for (uint8_t i = 0; ok && i < f->addr_count; i++)
		ok = addr_ok(&f->addrs[i]);
	return ok;
}

static bool check_host_addr(const void *data)
{
	const struct bh_host_addr *a = data;

	return TEXT_OK(a->ifname) && addr_ok(&a->addr) && a->prefix_length <= 128;
}

static bool check_link(const void *data)
{
	const struct bh_host_link *l = data;

	return TEXT_OK(l->ifname) && flag_ok(&l->veth) && flag_ok(&l->bridge) && flag_ok(&l->up) &&
	       flag_ok(&l->nf_call_iptables) && flag_ok(&l->nf_call_ip6tables);
}

static bool check_netns(const void *data)
{
	const struct bh_netns_fact *f = data;

	return TEXT_OK(f->name) && TEXT_OK(f->container_id) && TEXT_OK(f->inner) &&
	       f->inner_runtime < BH_RUNTIMES && f->runtime < BH_RUNTIMES && flag_ok(&f->of_user);
}

static bool check_worker_number(const void *data)
{
	return *(const uint32_t *)data < BH_MOST_WORKERS;
}

static bool check_worker(const void *data)
{
	const struct bh_msg_worker *w = data;

	return w->count <= BH_MOST_WORKERS && w->number < w->count;
}

static bool check_capture_state(const void *data)
{
	const struct bh_msg_capture_state *s = data;

	return s->workers <= BH_MOST_WORKERS && s->running <= s->workers;
}

static bool check_time(const void *data)
{
	return time_ok(*(const int64_t *)data);
}

static bool check_gone(const void *data)
{
	return time_ok(((const struct bh_msg_gone *)data)->time);
}

static bool check_runtime_data(const void *data)
{
	return ((const struct bh_msg_runtime_data *)data)->runtime < BH_RUNTIMES;
}

static bool check_runtime_end(const void *data)
{
	return ((const struct bh_msg_runtime_end *)data)->runtime < BH_RUNTIMES;
}

static bool check_runtime_get(const void *data)
{
	const struct bh_msg_runtime_get *g = data;

	return TEXT_OK(g->argument) && g->runtime < BH_RUNTIMES && g->query < BH_QUERIES;
}

static bool check_rules_begin(const void *data)
{
	const struct bh_msg_rules_begin *b = data;

	return TEXT_OK(b->revision) && b->posture <= BH_POSTURE_CLOSED && flag_ok(&b->blank) &&
	       flag_ok(&b->stateless) && b->sensitive.count <= BH_SENSITIVE_PORTS;
}

static bool check_chain(const void *data)
{
	const struct bh_msg_chain *c = data;

	return TEXT_OK(c->hash) && TEXT_OK(c->workload) && c->side <= BH_INGRESS &&
	       c->mode <= BH_ENFORCE && c->deny <= BH_DROP && flag_ok(&c->open[0]) &&
	       flag_ok(&c->open[1]);
}

static bool check_permit(const void *data)
{
	const struct bh_permit *p = data;

	return p->kind <= BH_PERMIT_PLACE && p->rank < BH_RANKS && p->port_first <= p->port_last &&
	       addr_ok(&p->peer.addr) && p->peer.length <= 128;
}

static bool check_use(const void *data)
{
	const struct bh_use *u = data;

	return TEXT_OK(u->hash) && u->side <= BH_INGRESS && u->rank < BH_RANKS &&
	       u->kind <= BH_PERMIT_PLACE && u->port_first <= u->port_last && addr_ok(&u->first) &&
	       addr_ok(&u->last) && u->first.family == u->last.family;
}

static bool check_binding(const void *data)
{
	const struct bh_binding *b = data;

	return TEXT_OK(b->l3_ifname) && TEXT_OK(b->ifname) && addr_ok(&b->addr);
}

static bool check_member(const void *data)
{
	const struct bh_bridge_member *m = data;

	return TEXT_OK(m->ifname) && TEXT_OK(m->bridge) && flag_ok(&m->uplink);
}

static bool check_bridge(const void *data)
{
	const struct bh_bridge *b = data;

	return TEXT_OK(b->ifname) && flag_ok(&b->filtered);
}

static bool check_posture(const void *data)
{
	const struct bh_address_posture *p = data;

	return TEXT_OK(p->l3_ifname) && addr_ok(&p->addr) && p->posture <= BH_POSTURE_CLOSED;
}

static bool check_rules_result(const void *data)
{
	const struct bh_msg_rules_result *r = data;

	return TEXT_OK(r->text) && flag_ok(&r->taken) && flag_ok(&r->adopted) && flag_ok(&r->left);
}

static bool check_flow(const void *data)
{
	const struct bh_flow *f = data;

	return addr_ok(&f->key.src) && addr_ok(&f->key.dst) && time_ok(f->first) &&
	       time_ok(f->last) && f->state <= BH_FLOW_CLOSED &&
	       f->direction <= BH_DIRECTION_LISTENER && flag_ok(&f->answered) &&
	       flag_ok(&f->established) && flag_ok(&f->final) && flag_ok(&f->lossy) &&
	       TEXT_OK(f->tunnel);
}

static bool check_foreign(const void *data)
{
	const struct bh_foreign *f = data;
	bool ok = flag_ok(&f->legacy) && f->count <= BH_FOREIGN_CHAINS;

	for (uint32_t i = 0; ok && i < f->count; i++)
		ok = flag_ok(&f->chains[i].policy_drops) && flag_ok(&f->chains[i].rules_drop) &&
		     TEXT_OK(f->chains[i].device) && TEXT_OK(f->chains[i].table) &&
		     TEXT_OK(f->chains[i].name);
	return ok;
}

static bool check_tampering(const void *data)
{
	const struct bh_tampering *t = data;

	return time_ok(t->time) && time_ok(t->repaired) && t->found < BH_TAMPERING_FOUND &&
	       flag_ok(&t->ended) && TEXT_OK(t->process) && TEXT_OK(t->command) &&
	       TEXT_OK(t->container_id) && TEXT_OK(t->done) && TEXT_OK(t->differed) &&
	       TEXT_OK(t->why);
}

static bool check_trace_get(const void *data)
{
	const struct bh_msg_trace_get *get = data;
	const struct bh_trace_filter *f = &get->filter;
	bool ok = get->duration > 0 && get->duration <= INT64_C(3600) * 1000000 &&
		  f->src_count <= BH_TRACE_ADDRS && f->dst_count <= BH_TRACE_ADDRS;

	for (uint32_t i = 0; ok && i < f->src_count; i++)
		ok = addr_ok(&f->src[i]);
	for (uint32_t i = 0; ok && i < f->dst_count; i++)
		ok = addr_ok(&f->dst[i]);
	return ok;
}

static bool check_trace(const void *data)
{
	const struct bh_trace_step *s = data;

	return s->kind >= BH_TRACE_POLICY && s->kind <= BH_TRACE_RULE && TEXT_OK(s->table) &&
	       TEXT_OK(s->chain) && TEXT_OK(s->target) && s->network_length <= sizeof(s->network) &&
	       s->transport_length <= sizeof(s->transport);
}

static bool check_trace_rule(const void *data)
{
	const struct bh_trace_rule *r = data;

	return TEXT_OK(r->table) && TEXT_OK(r->chain) && TEXT_OK(r->text) && TEXT_OK(r->comment);
}

static bool check_trace_end(const void *data)
{
	return TEXT_OK(((const struct bh_msg_trace_end *)data)->why);
}

static bool check_tables_state(const void *data)
{
	const struct bh_tables_state *s = data;

	return time_ok(s->verified) && time_ok(s->took) && time_ok(s->last) &&
	       flag_ok(&s->contested) && flag_ok(&s->owner) && TEXT_OK(s->why);
}

static bool check_listeners(const void *data)
{
	const struct bh_listeners *l = data;

	bool ok = l->count <= BH_LISTENERS && flag_ok(&l->complete) &&
		  l->owner_count <= BH_LISTENER_OWNERS;

	for (uint8_t i = 0; ok && i < l->owner_count; i++)
		ok = TEXT_OK(l->owners[i]);
	for (uint16_t i = 0; ok && i < l->count; i++)
		ok = l->ports[i].owner <= l->owner_count && flag_ok(&l->ports[i].local);
	return ok;
}

static bool check_listeners_get(const void *data)
{
	return flag_ok(&((const struct bh_msg_listeners_get *)data)->owners);
}

static bool check_flow_key(const void *data)
{
	const struct bh_flow_key *key = data;

	return addr_ok(&key->src) && addr_ok(&key->dst) && key->src.family == key->dst.family;
}

static bool check_exception(const void *data)
{
	const struct bh_exception *e = data;

	return TEXT_OK(e->src_ifname) && TEXT_OK(e->dst_ifname) && check_flow_key(&e->key);
}

static bool check_entry(const struct bh_tracked *t)
{
	return check_flow_key(&t->original) && check_flow_key(&t->reply) &&
	       t->news <= BH_TRACKED_ENDED && t->start <= BH_TRACKED_START_MISSED &&
	       flag_ok(&t->src_nat) && flag_ok(&t->dst_nat) && flag_ok(&t->seen_reply) &&
	       flag_ok(&t->assured) && flag_ok(&t->expected) && flag_ok(&t->over) &&
	       flag_ok(&t->counted) && t->original.src.family == t->reply.src.family;
}

static bool check_bare_entry(const void *data)
{
	return check_entry(data);
}

static bool check_cut(const void *data)
{
	const struct bh_cut *c = data;

	return check_flow_key(&c->original) && c->code <= 0;
}

static bool check_entries_end(const void *data)
{
	return ((const struct bh_msg_entries_end *)data)->code <= 0;
}

static bool check_tracked(const void *data)
{
	const struct bh_msg_tracked *t = data;

	return check_flow_key(&t->asked) && flag_ok(&t->found) && check_entry(&t->entry);
}

static bool check_proof(const void *data)
{
	const struct bh_proof *p = data;
	bool ok = TEXT_OK(p->ifname) && TEXT_OK(p->workload) && TEXT_OK(p->why) &&
		  p->state < BH_PROOF_STATES && time_ok(p->time) && time_ok(p->handed_over);

	for (size_t i = 0; ok && i < (size_t)BH_PROOF_WAYS * 2; i++) {
		const struct bh_probe_seen *seen = &p->seen[i / 2][i % 2];

		ok = flag_ok(&seen->off) && flag_ok(&seen->pass_counted) &&
		     flag_ok(&seen->pass_arrived) && flag_ok(&seen->deny_counted) &&
		     flag_ok(&seen->deny_arrived);
	}
	return ok;
}

static bool check_probing(const void *data)
{
	const struct bh_msg_probing *p = data;

	return time_ok(p->since) && time_ok(p->until) && (p->until == 0 || p->until >= p->since);
}

static bool check_withhold(const void *data)
{
	return TEXT_OK(((const struct bh_msg_withhold *)data)->why);
}

static bool check_accounting(const void *data)
{
	const struct bh_msg_accounting *a = data;

	return flag_ok(&a->on) && TEXT_OK(a->why);
}

static bool check_hook(const void *data)
{
	const struct bh_msg_hook *h = data;

	return TEXT_OK(h->container_id) && h->pid > 0;
}

static bool check_hooked(const void *data)
{
	return flag_ok(&((const struct bh_msg_hooked *)data)->found);
}

static bool check_given_up(const void *data)
{
	const struct bh_msg_given_up *g = data;

	return time_ok(g->time) && time_ok(g->held) && flag_ok(&g->refused) &&
	       TEXT_OK(g->container_id) && TEXT_OK(g->why);
}

/* Names are printed as they are: nothing but printable characters, in lower case, and no space. */
static bool name_ok(const char name[BH_DNS_NAME])
{
	size_t length = strnlen(name, BH_DNS_NAME);

	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || (name[i] >= 'A' && name[i] <= 'Z'))
			return false;
	return length > 0 && length < BH_DNS_NAME;
}

static bool check_named(const void *data)
{
	const struct bh_named *n = data;

	return addr_ok(&n->addr) && n->addr.family != BH_NO_FAMILY && time_ok(n->time) &&
	       time_ok(n->until) && n->until >= n->time && name_ok(n->name);
}

static bool check_claim(const void *data)
{
	return name_ok(((const struct bh_claim *)data)->name);
}

static bool check_neighbour(const void *data)
{
	const struct bh_msg_neighbour *n = data;

	if (!time_ok(n->time) || !flag_ok(&n->sends) || n->said.kind >= BH_NEIGHBOUR_KINDS ||
	    !flag_ok(&n->said.is_arp))
		return false;
	if (n->sends)
		return n->said.addr.family == BH_NO_FAMILY;
	return n->said.addr.family == (n->said.is_arp ? BH_IPV4 : BH_IPV6);
}

static bool check_denial(const void *data)
{
	const struct bh_denial *d = data;

	return d->kind <= BH_UNCLAIMED && time_ok(d->time) && d->side <= BH_INGRESS &&
	       flag_ok(&d->dropped) && TEXT_OK(d->hash) && addr_ok(&d->key.src) &&
	       addr_ok(&d->key.dst);
}

static bool check_capture_stats(const void *data)
{
	const struct bh_msg_capture_stats *s = data;

	return time_ok(s->started) && s->copy < BH_COPY_KINDS && flag_ok(&s->throttled);
}

static bool check_port(const void *data, size_t length)
{
	const struct bh_msg_port *p = data;

	if (length < sizeof(*p) || (length - sizeof(*p)) % sizeof(struct bh_addr) != 0)
		return false;
	const struct bh_addr *addrs = (const struct bh_addr *)(const void *)(p + 1);
	for (size_t i = 0; i < (length - sizeof(*p)) / sizeof(*addrs); i++)
		if (!addr_ok(&addrs[i]))
			return false;
	return TEXT_OK(p->ifname) && TEXT_OK(p->workload) && flag_ok(&p->bridged) &&
	       flag_ok(&p->vrf) && p->mode <= BH_ENFORCE;
}

/* What a body is: `size` bytes once, or (array) any number of times, or (open) at least once and
 * then bytes of no form. */
enum form { EMPTY, ONE, ARRAY, OPEN };

static const struct {
	const char *name;
	enum form form;
	size_t size;
	bool (*check)(const void *item);
} forms[BH_MSG_TYPES] = {
	[BH_MSG_CONFIG] = { "config", ONE, sizeof(struct bh_config), check_config },
	[BH_MSG_PEER] = { "peer", ONE, sizeof(uint32_t), check_worker_number },
	[BH_MSG_ENDPOINT] = { "endpoint", ONE, sizeof(struct bh_endpoint_fact), check_endpoint },
	[BH_MSG_ENDPOINT_GONE] = { "endpoint-gone", ONE, sizeof(struct bh_msg_gone), check_gone },
	[BH_MSG_UPLINK] = { "uplink", ONE, sizeof(struct bh_endpoint_fact), check_endpoint },
	[BH_MSG_UPLINK_GONE] = { "uplink-gone", ONE, sizeof(uint32_t), NULL },
	[BH_MSG_EXCLUDE] = { "exclude", ARRAY, sizeof(uint32_t), NULL },
	[BH_MSG_NFLOG] = { "nflog", OPEN, 1, NULL },
	[BH_MSG_WORKER] = { "worker", ONE, sizeof(struct bh_msg_worker), check_worker },
	[BH_MSG_SHARES] = { "shares", ONE, sizeof(int64_t), check_time },
	[BH_MSG_JOINED] = { "joined", EMPTY, 0, NULL },
	[BH_MSG_WEB_SOCKET] = { "web-socket", ONE, sizeof(uint32_t), check_web_place },
	[BH_MSG_API_SOCKET] = { "api-socket", EMPTY, 0, NULL },
	[BH_MSG_SCAN_BEGIN] = { "scan-begin", EMPTY, 0, NULL },
	[BH_MSG_SCAN_END] = { "scan-end", EMPTY, 0, NULL },
	[BH_MSG_HOST_ADDR] = { "host-addr", ONE, sizeof(struct bh_host_addr), check_host_addr },
	[BH_MSG_HOST_ADDR_GONE] = { "host-addr-gone", ONE, sizeof(struct bh_host_addr),
				    check_host_addr },
	[BH_MSG_LINK] = { "link", ONE, sizeof(struct bh_host_link), check_link },
	[BH_MSG_LINK_GONE] = { "link-gone", ONE, sizeof(uint32_t), NULL },
	[BH_MSG_NETNS] = { "netns", ONE, sizeof(struct bh_netns_fact), check_netns },
	[BH_MSG_NETNS_GONE] = { "netns-gone", ONE, sizeof(uint64_t), NULL },
	[BH_MSG_LOSS] = { "loss", ONE, sizeof(struct bh_msg_loss), NULL },
	[BH_MSG_CAPTURE_STATE] = { "capture-state", ONE, sizeof(struct bh_msg_capture_state),
				   check_capture_state },
	[BH_MSG_LISTENERS] = { "listeners", ONE, sizeof(struct bh_listeners), check_listeners },
	[BH_MSG_TRACKED] = { "tracked", ARRAY, sizeof(struct bh_msg_tracked), check_tracked },
	[BH_MSG_RUNTIME_DATA] = { "runtime-data", OPEN, sizeof(struct bh_msg_runtime_data),
				  check_runtime_data },
	[BH_MSG_RUNTIME_END] = { "runtime-end", ONE, sizeof(struct bh_msg_runtime_end),
				 check_runtime_end },
	[BH_MSG_RULES_RESULT] = { "rules-result", ONE, sizeof(struct bh_msg_rules_result),
				  check_rules_result },
	[BH_MSG_FOREIGN] = { "foreign", ONE, sizeof(struct bh_foreign), check_foreign },
	[BH_MSG_FOREIGN_GET] = { "foreign-get", EMPTY, 0, NULL },
	[BH_MSG_LISTENERS_GET] = { "listeners-get", ONE, sizeof(struct bh_msg_listeners_get),
				   check_listeners_get },
	[BH_MSG_TRACKED_GET] = { "tracked-get", ARRAY, sizeof(struct bh_flow_key), check_flow_key },
	[BH_MSG_RUNTIME_GET] = { "runtime-get", ONE, sizeof(struct bh_msg_runtime_get),
				 check_runtime_get },
	[BH_MSG_KEEP] = { "keep", ARRAY, sizeof(struct bh_flow_key), check_flow_key },
	[BH_MSG_RULES_BEGIN] = { "rules-begin", ONE, sizeof(struct bh_msg_rules_begin),
				 check_rules_begin },
	[BH_MSG_RULES_CHAIN] = { "rules-chain", ONE, sizeof(struct bh_msg_chain), check_chain },
	[BH_MSG_RULES_PERMITS] = { "rules-permits", ARRAY, sizeof(struct bh_permit), check_permit },
	[BH_MSG_RULES_BINDINGS] = { "rules-bindings", ARRAY, sizeof(struct bh_binding),
				    check_binding },
	[BH_MSG_RULES_PORT] = { "rules-port", OPEN, sizeof(struct bh_msg_port), NULL },
	[BH_MSG_RULES_BRIDGES] = { "rules-bridges", ARRAY, sizeof(struct bh_bridge), check_bridge },
	[BH_MSG_RULES_MEMBERS] = { "rules-members", ARRAY, sizeof(struct bh_bridge_member),
				   check_member },
	[BH_MSG_RULES_POSTURES] = { "rules-postures", ARRAY, sizeof(struct bh_address_posture),
				    check_posture },
	[BH_MSG_RULES_EXCEPTIONS] = { "rules-exceptions", ARRAY, sizeof(struct bh_exception),
				      check_exception },
	[BH_MSG_RULES_COMMIT] = { "rules-commit", ONE, sizeof(uint64_t), NULL },
	[BH_MSG_READY] = { "ready", EMPTY, 0, NULL },
	[BH_MSG_CAPTURE_LOST] = { "capture-lost", ONE, sizeof(uint32_t), check_worker_number },
	[BH_MSG_FLOWS] = { "flows", ARRAY, sizeof(struct bh_flow), check_flow },
	[BH_MSG_DENIAL] = { "denial", ONE, sizeof(struct bh_denial), check_denial },
	[BH_MSG_CAPTURE_STATS] = { "capture-stats", ONE, sizeof(struct bh_msg_capture_stats),
				   check_capture_stats },
	[BH_MSG_NAMES] = { "names", ARRAY, sizeof(struct bh_named), check_named },
	[BH_MSG_CLAIMS] = { "claims", ARRAY, sizeof(struct bh_claim), check_claim },
	[BH_MSG_NEIGHBOURS] = { "neighbours", ARRAY, sizeof(struct bh_msg_neighbour),
				check_neighbour },
	[BH_MSG_ACCOUNTING] = { "accounting", ONE, sizeof(struct bh_msg_accounting),
				check_accounting },
	[BH_MSG_HOOK] = { "hook", ONE, sizeof(struct bh_msg_hook), check_hook },
	[BH_MSG_HOOKED] = { "hooked", ONE, sizeof(struct bh_msg_hooked), check_hooked },
	[BH_MSG_ENTRIES_GET] = { "entries-get", EMPTY, 0, NULL },
	[BH_MSG_ENTRIES] = { "entries", ARRAY, sizeof(struct bh_tracked), check_bare_entry },
	[BH_MSG_ENTRIES_END] = { "entries-end", ONE, sizeof(struct bh_msg_entries_end),
				 check_entries_end },
	[BH_MSG_CUT] = { "cut", ARRAY, sizeof(struct bh_cut), check_cut },
	[BH_MSG_CUT_END] = { "cut-end", EMPTY, 0, NULL },
	[BH_MSG_CUT_OF] = { "cut-of", ARRAY, sizeof(struct bh_cut), check_cut },
	[BH_MSG_USES_GET] = { "uses-get", EMPTY, 0, NULL },
	[BH_MSG_USES] = { "uses", ARRAY, sizeof(struct bh_use), check_use },
	[BH_MSG_USES_END] = { "uses-end", ONE, sizeof(int32_t), NULL },
	[BH_MSG_PROVE] = { "prove", EMPTY, 0, NULL },
	[BH_MSG_PROOF] = { "proof", ONE, sizeof(struct bh_proof), check_proof },
	[BH_MSG_PROBING] = { "probing", ONE, sizeof(struct bh_msg_probing), check_probing },
	[BH_MSG_WITHHOLD] = { "withhold", ONE, sizeof(struct bh_msg_withhold), check_withhold },
	[BH_MSG_TAMPERING] = { "tampering", ONE, sizeof(struct bh_tampering), check_tampering },
	[BH_MSG_TRACE_GET] = { "trace-get", ONE, sizeof(struct bh_msg_trace_get), check_trace_get },
	[BH_MSG_TRACE] = { "trace", ONE, sizeof(struct bh_trace_step), check_trace },
	[BH_MSG_TRACE_RULE] = { "trace-rule", ONE, sizeof(struct bh_trace_rule), check_trace_rule },
	[BH_MSG_TRACE_END] = { "trace-end", ONE, sizeof(struct bh_msg_trace_end), check_trace_end },
	[BH_MSG_TABLES_STATE] = { "tables-state", ONE, sizeof(struct bh_tables_state),
				  check_tables_state },
	[BH_MSG_GIVEN_UP] = { "given-up", ONE, sizeof(struct bh_msg_given_up), check_given_up },
};

static bool length_ok(enum form form, size_t size, size_t length)
{
	switch (form) {
	case EMPTY:
		return length == 0;
	case ONE:
		return length == size;
	case ARRAY:
		return length % size == 0;
	case OPEN:
		return length >= size;
	}
	return false;
}

bool bh_message_check(uint16_t type, const void *data, size_t length)
{
	if (type >= BH_MSG_TYPES || forms[type].name == NULL ||
	    !length_ok(forms[type].form, forms[type].size, length))
		return false;
	if (type == BH_MSG_RULES_PORT)
		return check_port(data, length);
	if (forms[type].check == NULL)
		return true;
	const char *item = data;
	size_t end = forms[type].form == OPEN ? forms[type].size : length;
	for (size_t at = 0; at < end; at += forms[type].size)
		if (!forms[type].check(item + at))
			return false;
	return true;
}

const char *bh_message_name(uint16_t type)
{
	return type < BH_MSG_TYPES && forms[type].name != NULL ? forms[type].name : "unknown";
}
