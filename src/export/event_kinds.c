/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event_kinds.h"

#include <string.h>

static const struct bh_event_kind kinds[] = {
	{ "access", BH_SEVERITY_INFORMATIONAL, "A token was made, or ended, and by whom." },
	{ "address-conflict", BH_SEVERITY_WARNING,
	  "Two interfaces of one network claim an address, within a minute, at two MACs." },
	{ "address-moved", BH_SEVERITY_INFORMATIONAL,
	  "An address went to an interface that was there already while another one had it." },
	{ "capture", BH_SEVERITY_WARNING,
	  "A capture process ended, is back, or hangs; or less is copied to stay within "
	  "capture.cpu, or more again." },
	{ "cut", BH_SEVERITY_WARNING, "What became of open connections when the rules tightened." },
	{ "denied", BH_SEVERITY_WARNING, "The rules refused a packet." },
	{ "deploy", BH_SEVERITY_INFORMATIONAL, "A workload runs another version from then on." },
	{ "endpoint-down", BH_SEVERITY_INFORMATIONAL, "A container's interface went." },
	{ "endpoint-up", BH_SEVERITY_INFORMATIONAL, "A container's interface appeared." },
	{ "enforcement", BH_SEVERITY_NOTICE,
	  "Rules are in the kernel, or no more; were taken over, or not taken; or are found not to "
	  "be met somewhere." },
	{ "export", BH_SEVERITY_ERROR,
	  "Flows or events do not reach a destination, or reach it again." },
	{ "guard", BH_SEVERITY_ERROR,
	  "What has to go on was cut off all the same, by whom and why." },
	{ "hook", BH_SEVERITY_INFORMATIONAL,
	  "A container was held at its start, and then not any more, or refused, without its "
	  "policy in place." },
	{ "leak", BH_SEVERITY_ALERT,
	  "A connection that the policy in force denies was delivered." },
	{ "learning", BH_SEVERITY_INFORMATIONAL,
	  "Windows are counted anew: their length is another one." },
	{ "loss", BH_SEVERITY_ERROR, "An interval in which anything was lost, when it is over." },
	{ "mode", BH_SEVERITY_NOTICE,
	  "A workload's mode changed, or is to change and cannot; or another of its instances is "
	  "in it." },
	{ "policy", BH_SEVERITY_NOTICE,
	  "A revision was applied, confirmed or taken back; or a rule's time is over." },
	{ "ready", BH_SEVERITY_NOTICE,
	  "A workload's evidence suffices for another mode, which waits for a person." },
	{ "renamed", BH_SEVERITY_INFORMATIONAL,
	  "An instance is called otherwise, or is of another workload, from then on." },
	{ "review", BH_SEVERITY_NOTICE,
	  "Edges were accepted or rejected, or wait for a person though they may pass." },
	{ "runtime", BH_SEVERITY_WARNING,
	  "A container runtime cannot be reached, or answers again." },
	{ "spoof", BH_SEVERITY_CRITICAL, "A packet, a flow or a claim in somebody else's name." },
	{ "store", BH_SEVERITY_ERROR,
	  "The store's file was moved or removed, or is where it belongs again." },
	{ "tampering", BH_SEVERITY_CRITICAL, "Somebody else changed bulkhead's tables." },
	{ "unclaimed", BH_SEVERITY_WARNING,
	  "The posture met a packet of an endpoint that no workload claims." },
	{ "undelivered", BH_SEVERITY_WARNING,
	  "Connections did not arrive though the policy lets them pass." },
	{ "unknown-address", BH_SEVERITY_WARNING,
	  "An interface claims an address or a MAC that nobody is known to hold." },
	{ "would-deny", BH_SEVERITY_WARNING,
	  "A packet that the policy does not allow passed, as its workload's mode lets it." },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct bh_event_kind *bh_event_kind(size_t number)
{
	return number < KINDS ? &kinds[number] : NULL;
}

const struct bh_event_kind *bh_event_kind_find(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *bh_severity_name(enum bh_severity severity)
{
	static const char *const names[] = { "",	"alert",  "critical",	  "error",
					     "warning", "notice", "informational" };

	return names[severity];
}
