/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains and rules are read from the messages themselves: of a rule nothing matters here but where
 * it may send a packet. */
#include "foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grow.h"
#include "map.h"
#include "model.h"
#include "netlink.h"
#include "probe_catch.h"

#define TRIES 5
#define KEY_TEXT (2 * NFT_NAME_MAXLEN + 8)

struct jump {
	char to[NFT_NAME_MAXLEN];
};

struct chain {
	struct bh_foreign_chain shown;
	char table[NFT_NAME_MAXLEN]; /* whole */
	bool base;
	bool drops; /* a rule of its own does */
	bool visited;
	struct jump *jumps;
	size_t jump_count, jump_capacity;
};

struct bh_foreign_scan {
	struct bh_map *chains; /* key_text() → struct chain */
};

static void free_chain(void *value)
{
	struct chain *chain = value;

	free(chain->jumps);
	free(chain);
}

struct bh_foreign_scan *bh_foreign_scan_new(void)
{
	struct bh_foreign_scan *scan = bh_calloc(1, sizeof(*scan));

	scan->chains = bh_map_new(free_chain);
	return scan;
}

void bh_foreign_scan_free(struct bh_foreign_scan *scan)
{
	if (scan == NULL)
		return;
	bh_map_free(scan->chains);
	free(scan);
}

/* --- attributes ------------------------------------------------------------------------------- */

static const char *text_of(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(attr) : NULL;
}

static bool number_of(const struct nlattr *attr, uint32_t *number)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) != 0)
		return false;
	*number = ntohl(mnl_attr_get_u32(attr));
	return true;
}

/* The attribute of that type inside, or NULL. */
static const struct nlattr *inside(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static const struct nlattr *attribute(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static const char *text_attribute(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr = attribute(nlh, type);

	return attr != NULL ? text_of(attr) : NULL;
}

static uint8_t family_of(const struct nlmsghdr *nlh)
{
	return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family;
}

/* --- chains ----------------------------------------------------------------------------------- */

static bool is_ours(uint8_t family, const char *table)
{
	return (family == NFPROTO_INET || family == NFPROTO_BRIDGE) &&
	       (strcmp(table, BH_NFT_TABLE) == 0 || strcmp(table, BH_PROBE_TABLE) == 0);
}

/* The chain of that name; made where it is not known yet, for rules may come first. */
static struct chain *chain_of(struct bh_foreign_scan *scan, uint8_t family, const char *table,
			      const char *name)
{
	char key[KEY_TEXT];

	snprintf(key, sizeof(key), "%u\n%s\n%s", family, table, name);
	struct chain *chain = bh_map_get_text(scan->chains, key);
	if (chain != NULL)
		return chain;
	chain = bh_calloc(1, sizeof(*chain));
	chain->shown.family = family;
	bh_copy_text(chain->table, sizeof(chain->table), table);
	bh_copy_text(chain->shown.table, sizeof(chain->shown.table), table);
	bh_copy_text(chain->shown.name, sizeof(chain->shown.name), name);
	bh_map_put_text(scan->chains, key, chain);
	return chain;
}

static void take_hook(struct chain *chain, const struct nlattr *hook)
{
	const struct nlattr *number = inside(hook, NFTA_HOOK_HOOKNUM),
			    *priority = inside(hook, NFTA_HOOK_PRIORITY),
			    *device = inside(hook, NFTA_HOOK_DEV);
	uint32_t value;

	chain->base = true;
	if (number != NULL && number_of(number, &value))
		chain->shown.hook = (uint8_t)value;
	if (priority != NULL && number_of(priority, &value))
		chain->shown.priority = (int32_t)value;
	if (device != NULL && text_of(device) != NULL)
		bh_copy_text(chain->shown.device, sizeof(chain->shown.device), text_of(device));
}

static void take_chain(struct bh_foreign_scan *scan, const struct nlmsghdr *nlh)
{
	const char *table = text_attribute(nlh, NFTA_CHAIN_TABLE),
		   *name = text_attribute(nlh, NFTA_CHAIN_NAME);
	const struct nlattr *hook = attribute(nlh, NFTA_CHAIN_HOOK),
			    *policy = attribute(nlh, NFTA_CHAIN_POLICY);
	uint32_t value;

	if (table == NULL || name == NULL || is_ours(family_of(nlh), table))
		return;
	struct chain *chain = chain_of(scan, family_of(nlh), table, name);
	if (hook != NULL)
		take_hook(chain, hook);
	chain->shown.policy_drops = policy != NULL && number_of(policy, &value) && value == NF_DROP;
}

/* --- rules ------------------------------------------------------------------------------------ */

static void take_verdict(struct chain *chain, const struct nlattr *verdict)
{
	const struct nlattr *code = inside(verdict, NFTA_VERDICT_CODE),
			    *target = inside(verdict, NFTA_VERDICT_CHAIN);
	const char *to = target != NULL ? text_of(target) : NULL;
	uint32_t value;

	if (code == NULL || !number_of(code, &value))
		return;
	if (value == NF_DROP)
		chain->drops = true;
	if (((int32_t)value != NFT_JUMP && (int32_t)value != NFT_GOTO) || to == NULL)
		return;
	chain->jumps = bh_grow(chain->jumps, &chain->jump_capacity, chain->jump_count + 1,
			       sizeof(*chain->jumps));
	bh_copy_text(chain->jumps[chain->jump_count++].to, sizeof(chain->jumps[0].to), to);
}

static void take_immediate(struct chain *chain, const struct nlattr *data)
{
	const struct nlattr *value = inside(data, NFTA_IMMEDIATE_DATA);
	const struct nlattr *verdict = value != NULL ? inside(value, NFTA_DATA_VERDICT) : NULL;

	if (verdict != NULL)
		take_verdict(chain, verdict);
}

/* An extension of iptables that nftables carries along. */
static bool is_stopping_target(const struct nlattr *data)
{
	static const char *const targets[] = { "DROP", "REJECT", "NFQUEUE", "TARPIT" };
	const struct nlattr *attr = inside(data, NFTA_TARGET_NAME);
	const char *name = attr != NULL ? text_of(attr) : NULL;

	for (size_t i = 0; name != NULL && i < sizeof(targets) / sizeof(targets[0]); i++)
		if (strcmp(name, targets[i]) == 0)
			return true;
	return false;
}

/* A map from keys to verdicts. What it holds changes without a rule's changing. */
static bool is_verdict_map(const struct nlattr *data)
{
	const struct nlattr *attr = inside(data, NFTA_LOOKUP_DREG);
	uint32_t reg;

	return attr != NULL && number_of(attr, &reg) && reg == NFT_REG_VERDICT;
}

static void take_expression(struct chain *chain, const struct nlattr *expression)
{
	const struct nlattr *name_attr = inside(expression, NFTA_EXPR_NAME),
			    *data = inside(expression, NFTA_EXPR_DATA);
	const char *name = name_attr != NULL ? text_of(name_attr) : NULL;

	if (name == NULL)
		return;
	if (strcmp(name, "reject") == 0 || strcmp(name, "queue") == 0)
		chain->drops = true;
	else if (data == NULL)
		return;
	else if (strcmp(name, "immediate") == 0)
		take_immediate(chain, data);
	else if (strcmp(name, "target") == 0)
		chain->drops = chain->drops || is_stopping_target(data);
	else if (strcmp(name, "lookup") == 0)
		chain->drops = chain->drops || is_verdict_map(data);
}

static void take_rule(struct bh_foreign_scan *scan, const struct nlmsghdr *nlh)
{
	const char *table = text_attribute(nlh, NFTA_RULE_TABLE),
		   *name = text_attribute(nlh, NFTA_RULE_CHAIN);
	const struct nlattr *list = attribute(nlh, NFTA_RULE_EXPRESSIONS), *expression;

	if (table == NULL || name == NULL || list == NULL || is_ours(family_of(nlh), table))
		return;
	struct chain *chain = chain_of(scan, family_of(nlh), table, name);
	mnl_attr_for_each_nested(expression, list)
	{
		take_expression(chain, expression);
	}
}

void bh_foreign_scan_message(struct bh_foreign_scan *scan, const struct nlmsghdr *message)
{
	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg) ||
	    NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return;
	if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWCHAIN)
		take_chain(scan, message);
	else if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWRULE)
		take_rule(scan, message);
}

/* --- what can stop a packet ------------------------------------------------------------------- */

struct stack {
	struct chain **items;
	size_t count, capacity;
};

static void visit(struct stack *stack, struct chain *chain)
{
	if (chain == NULL || chain->visited)
		return;
	chain->visited = true;
	stack->items =
		bh_grow(stack->items, &stack->capacity, stack->count + 1, sizeof(stack->items[0]));
	stack->items[stack->count++] = chain;
}

static struct chain *target_of(struct bh_foreign_scan *scan, const struct chain *from,
			       const struct jump *jump)
{
	char key[KEY_TEXT];

	snprintf(key, sizeof(key), "%u\n%s\n%s", from->shown.family, from->table, jump->to);
	return bh_map_get_text(scan->chains, key);
}

/* Whether a rule that drops is in reach, by whatever jumps. */
static bool reaches_drop(struct bh_foreign_scan *scan, struct chain *base)
{
	struct stack stack = { 0 };
	struct chain *chain;
	bool found = false;

	for (size_t position = 0; (chain = bh_map_next(scan->chains, &position)) != NULL;)
		chain->visited = false;
	visit(&stack, base);
	while (!found && stack.count > 0) {
		chain = stack.items[--stack.count];
		found = chain->drops;
		for (size_t i = 0; i < chain->jump_count; i++)
			visit(&stack, target_of(scan, chain, &chain->jumps[i]));
	}
	free(stack.items);
	return found;
}

static int compare_chains(const void *a, const void *b)
{
	const struct bh_foreign_chain *x = a, *y = b;
	bool x_stops = x->policy_drops || x->rules_drop, y_stops = y->policy_drops || y->rules_drop;

	if (x_stops != y_stops)
		return x_stops ? -1 : 1;
	if (x->family != y->family)
		return x->family - y->family;
	if (x->hook != y->hook)
		return x->hook - y->hook;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	int order = strcmp(x->table, y->table);
	return order != 0 ? order : strcmp(x->name, y->name);
}

void bh_foreign_scan_result(struct bh_foreign_scan *scan, struct bh_foreign *out)
{
	struct bh_foreign_chain *all = NULL;
	size_t count = 0, capacity = 0;
	struct chain *chain;

	memset(out, 0, sizeof(*out));
	for (size_t position = 0; (chain = bh_map_next(scan->chains, &position)) != NULL;) {
		if (!chain->base)
			continue;
		chain->shown.rules_drop = reaches_drop(scan, chain);
		all = bh_grow(all, &capacity, count + 1, sizeof(*all));
		all[count++] = chain->shown;
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), compare_chains);
	out->count = (uint32_t)(count < BH_FOREIGN_CHAINS ? count : BH_FOREIGN_CHAINS);
	out->left_off = (uint32_t)(count - out->count);
	if (out->count > 0)
		memcpy(out->chains, all, out->count * sizeof(*all));
	free(all);
}

/* --- reading the kernel's --------------------------------------------------------------------- */

static int take_reply(const struct nlmsghdr *reply, void *user)
{
	bh_foreign_scan_message(user, reply);
	return 0;
}

static int dump(struct bh_netlink *nl, uint16_t type, struct bh_foreign_scan *scan)
{
	char buffer[256] __attribute__((aligned(8)));

	return bh_netlink_ask(nl, bh_netlink_request(buffer, type, AF_UNSPEC, NLM_F_DUMP),
			      take_reply, scan);
}

static int read_once(struct bh_netlink *nl, struct bh_foreign *out)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();
	int result = dump(nl, NFT_MSG_GETCHAIN, scan);

	if (result == 0)
		result = dump(nl, NFT_MSG_GETRULE, scan);
	if (result == 0)
		bh_foreign_scan_result(scan, out);
	bh_foreign_scan_free(scan);
	return result;
}

/* Tables are listed where the module is loaded; their rules nftables cannot show. */
static bool has_line(const char *path)
{
	FILE *file = fopen(path, "re");
	bool found = file != NULL && fgetc(file) != EOF;

	if (file != NULL)
		fclose(file);
	return found;
}

int bh_foreign_read(struct bh_foreign *out, struct bh_error *err)
{
	struct bh_netlink *nl = bh_netlink_open(err);
	int result = -EINTR;

	memset(out, 0, sizeof(*out));
	for (int tries = 0; nl != NULL && result == -EINTR && tries < TRIES; tries++)
		result = read_once(nl, out);
	if (nl == NULL)
		result = err->code;
	else if (result != 0)
		bh_error_set(err, result, "reading others' nftables: %s", strerror(-result));
	bh_netlink_close(nl);
	out->error = result;
	out->legacy =
		has_line("/proc/net/ip_tables_names") || has_line("/proc/net/ip6_tables_names");
	return result;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *bh_foreign_family(const struct bh_foreign_chain *chain)
{
	switch (chain->family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "?";
}

const char *bh_foreign_hook(const struct bh_foreign_chain *chain)
{
	static const char *const hooks[] = { "prerouting", "input",	  "forward",
					     "output",	   "postrouting", "ingress" };
	static const char *const devices[] = { "ingress", "egress" };
	static const char *const arp[] = { "input", "output", "forward" };

	if (chain->family == NFPROTO_NETDEV)
		return chain->hook < 2 ? devices[chain->hook] : "?";
	if (chain->family == NFPROTO_ARP)
		return chain->hook < 3 ? arp[chain->hook] : "?";
	return chain->hook < sizeof(hooks) / sizeof(hooks[0]) ? hooks[chain->hook] : "?";
}

char *bh_foreign_text(const struct bh_foreign_chain *chain, char out[BH_FOREIGN_TEXT])
{
	snprintf(out, BH_FOREIGN_TEXT, "table %s %s chain %s (hook %s%s%s%s%s)",
		 bh_foreign_family(chain), chain->table, chain->name, bh_foreign_hook(chain),
		 chain->device[0] != '\0' ? " of " : "", chain->device,
		 chain->policy_drops ? ", policy drop" : "",
		 chain->rules_drop ? ", rules that drop" : "");
	return out;
}
