/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core process, as its files see it. Nothing here is for other processes. */
#ifndef BH_CORE_H
#define BH_CORE_H

#include <sys/queue.h>
#include <uv.h>

#include "answers.h"
#include "called.h"
#include "channel.h"
#include "config.h"
#include "core_force.h"
#include "edge_notes.h"
#include "evaluate.h"
#include "json.h"
#include "ledger.h"
#include "live_flows.h"
#include "loss_ring.h"
#include "map.h"
#include "model.h"
#include "names.h"
#include "peers.h"
#include "policy.h"
#include "sample_clock.h"
#include "server.h"
#include "store.h"
#include "window.h"

/* A flow that is alive, or ended not long ago, with what core knows about it. */
struct bh_live_flow {
	struct bh_flow flow;
	const struct bh_peer *src; /* both of core->peers */
	const struct bh_peer *dst;
	struct bh_name *dns; /* what the source was told that it is called; NULL: nothing */
	char *sni;	     /* whom it says that it speaks to; NULL: nobody */
	struct bh_answer_use *answer; /* that led there; NULL: none is known */
	uint64_t replica;	      /* hash of the source instance, 0: no workload */
	uint64_t counted_bytes;	      /* already told to the ledger */
	uint64_t edge;		      /* edge_id.h: what was learned from it, if it was */
	uint8_t responder;	      /* enum bh_responder, of the flow as reported */
	uint8_t told_by;	      /* enum bh_direction: how the responder is known */
	uint8_t tracking;	      /* enum bh_tracking */
	uint8_t tries;		      /* questions to connection tracking that nobody answered */
	int64_t asked;		      /* monotonic: the last of them */
	struct bh_join *joined; /* with the other leg of a translated connection; NULL: with none */
	struct bh_counting *counting; /* by connection tracking (core_counts.c); NULL: not needed */
	struct bh_proxied *proxied;   /* as a leg of a proxy's connections; NULL: it is none */
	bool ended;		      /* its last report is in the ledger */
	bool unresolved_at_end;	      /* … as one that has an end of nobody's */
	bool unnamed;		      /* such an end may get its name yet (core_late.c) */
	const struct bh_peer *stranger_of; /* a workload of which it is a stranger's connection, as
					      it was noted; NULL: it is not */
	const struct bh_peer *learned_as;  /* the name that its edge goes to; NULL: to dst */
	bool against;			   /* the active policy denies it, as was found … */
	int64_t judged;			   /* … in this window */
	bool learned;			   /* its edge is in the ledger, … */
	bool discovered;		   /* … since this flow … */
	bool dns_kept;			   /* … and so is what else its destination is called */
	bool sni_kept;
	bool denied;	  /* by us, as NFLOG said: the way there … */
	bool denied_back; /* … or back */
	bool arrived;	  /* something of it was delivered */
	bool opposed;	  /* as it began and did not arrive, our rules denied it … */
	bool unopposed;	  /* … or did not; neither: nobody can say */
	bool leaked;	  /* it arrived all the same */
	int used_rule; /* of the active policy: that decides about it (core_uses.c); −1: none … */
	uint32_t use_epoch; /* … as was found then; 0: nobody asked yet */
	int64_t missing;    /* µs: of its last packet, as long as none has arrived */
	int64_t before;	    /* of the flow before it on this tuple, either way; 0: none known */
	struct bh_exporting *exporting; /* core_export.c; NULL: there is nothing to export … */
	bool exported;			/* … any more */
	bool spoofed;
	uint8_t told;	     /* what of it is in the sums of traffic (core_traffic.c) … */
	uint64_t told_bytes; /* … and of its bytes */
	bool kept;	     /* it is over, and in the store */
	bool link_control;   /* neighbour discovery and the like: no traffic of the application */
	uint64_t sequence;   /* of its last report, for streams */
	uint32_t number;     /* this and what follows: live_flows.c */
	uint32_t tuple_hash;
	bool found_by_id;
	bool found_by_tuple;
	struct bh_live_flow *older, *newer; /* in order of their first report */
	STAILQ_ENTRY(bh_live_flow) next_finished;
	TAILQ_ENTRY(bh_live_flow) next_question;
	TAILQ_ENTRY(bh_live_flow) next_unnamed;
};

/* What connection tracking was asked about a flow, and said. */
enum bh_tracking {
	BH_TRACKING_NONE, /* there was no reason to ask */
	BH_TRACKING_WANTED,
	BH_TRACKING_ASKED,
	BH_TRACKING_UNTRACKED, /* nobody tracks it, or nobody does any more */
	BH_TRACKING_TRACKED,
};

/* A capture process, as core sees it (core_capture.c). */
struct bh_core_worker {
	struct bh_core *core;
	struct bh_channel *channel; /* NULL while it restarts */
	struct bh_msg_capture_stats stats;
	uv_timer_t missing; /* runs while there is no channel */
	int64_t heard;	    /* µs: when it last said anything, or was met */
	unsigned quiet;	    /* ticks of core's since then */
};

/* A runtime, as core sees it (core_runtimes.c). */
struct bh_core_runtime {
	void *back_end; /* its state; NULL: not configured, or not started yet */
	bool known;	/* it answered, or cannot be asked: either way nothing waits for it */
	uint8_t state;	/* enum bh_runtime_state */
	char why[256];	/* it is not connected; or how it is known though it does not answer */
};

enum bh_enforcement {
	BH_ENFORCEMENT_OFF,	 /* every workload learns */
	BH_ENFORCEMENT_STARTING, /* sent, not confirmed yet */
	BH_ENFORCEMENT_ACTIVE,
	BH_ENFORCEMENT_FAILED,
};

struct bh_compile_name;
struct bh_core_existing;
struct bh_rule_uses;
struct bh_shares;
struct bh_waiting_answers;
struct bh_traffic;
struct bh_metrics;
struct bh_flow_stream;

#define BH_PROBINGS 64 /* of the self-test, that are remembered */
#define BH_LEAVING 16

/* Packets that were let out, though a policy does not allow it: the other end may say the same. */
struct bh_leaving {
	size_t next;
	struct {
		int64_t time;
		struct bh_flow_key key;
	} packets[BH_LEAVING]; /* the latest ones */
};

/* The active revision, if it is to be confirmed (core_trial.c). */
struct bh_core_trial {
	struct bh_trial stored;	  /* number 0: it is not */
	int64_t due;		  /* monotonic */
	struct bh_policy *before; /* what it would go back to; NULL: that cannot be read */
	bool unsaved;		  /* what was denied meanwhile */
	bool failed;		  /* to go back; that was said */
};

/* What others did to our tables (core_tampering.c). */
struct bh_core_tampering {
	struct bh_tables_state tables; /* as the kernel process last told */
	struct bh_tampering last;
	uint64_t unsaid; /* since it is contested */
	int64_t sum_due; /* monotonic */
};

struct bh_core {
	uv_loop_t loop;
	struct bh_config config;
	struct bh_channel *kernel;
	struct bh_core_worker workers[BH_MOST_WORKERS]; /* capture, as often as configured */
	int64_t started;

	struct bh_model *model;
	bool scanned; /* the kernel's facts are in, all of them */
	struct bh_core_runtime runtimes[BH_RUNTIMES];
	struct bh_https *https;	    /* Kubernetes' API server; NULL: none is configured */
	struct bh_map *pods;	    /* uid → what it says of the pod (core_pods.c) */
	struct bh_map *pod_members; /* id → a pod's container, as its runtime states it */
	uint32_t next_request;
	char boot[96];		   /* what interfaces' numbers are good within */
	int64_t watching_since;	   /* µs: facts are known from then on; 0: not yet */
	int64_t history_due;	   /* monotonic: when it is trimmed next */
	struct bh_map *renamed;	   /* workloads that go by another name now (core_renamed.c) */
	struct bh_map *uplinks;	   /* ifindex → struct bh_endpoint_fact: core_uplinks.c */
	struct bh_map *remembered; /* id → what core_memory.c recalled of it */
	struct bh_store *store;
	bool store_dirty;      /* a transaction is open */
	char store_why[512];   /* the store does not take what it should keep; "": it does */
	int64_t store_retry;   /* while it does not: when edges are tried again */
	char store_moved[512]; /* its file is not under its name any more; "": it is */
	int64_t store_look;    /* monotonic: when that is looked at next */
	struct bh_ledger *ledger;
	struct bh_map *present;		 /* workloads that run: its watcher's (core_learning.c) */
	uint64_t present_generation;	 /* of the model, when that was looked at */
	int64_t watched_at;		 /* monotonic: 0: capture did not watch a second ago */
	struct bh_map *treatments;	 /* workload → how it is treated (core_promotion.c) */
	int64_t promotion_due;		 /* monotonic */
	int64_t expiries_seen;		 /* µs: decisions that expired up to then were told of */
	int64_t versions_due;		 /* µs: when all of them are looked at next */
	struct bh_called *called;	 /* what the edges' destinations outside were called */
	struct bh_sample_clock *samples; /* of which edges a flow was kept lately */

	struct bh_names *names;	    /* of peers outside, as DNS named them, by interface */
	struct bh_answers *answers; /* what names stand for, by workload */
	struct bh_waiting_answers *waiting_answers; /* of nobody knows whom yet (core_answers.c) */
	int64_t answers_due; /* monotonic: when those that are over are dropped next */

	struct bh_live_flows *flows;
	struct bh_peers *peers;			  /* of flows */
	TAILQ_HEAD(, bh_live_flow) to_ask, asked; /* of connection tracking (core_conntrack.c) */
	size_t questions_left;			  /* in this second */
	bool tracks;		    /* something in this namespace has connections tracked */
	struct bh_map *joins;	    /* tuple → what it is a leg of (core_join.c) */
	struct bh_proxies *proxies; /* their legs (core_proxy.c) */
	struct bh_counts *counts;   /* what connection tracking counts; NULL: capture does */
	struct bh_msg_accounting accounting; /* … unless it does not */
	bool accounting_known;
	struct bh_map *spoofs;	 /* what was said of them lately (talk_limit.h) */
	struct bh_map *reported; /* exchanges that were told of (core_reported.c) */
	struct bh_map *denials;	 /* of tuples that no flow has met yet (core_denials.c) */
	struct bh_leaving leaving;
	struct bh_map *senders;			/* what was said of their MACs (core_senders.c) */
	struct bh_neighbourhood *neighbourhood; /* who claims which address */
	int64_t forgotten; /* µs: of the latest flow that is not kept any more */
	struct bh_live_flow *oldest, *newest;
	STAILQ_HEAD(, bh_live_flow) finished; /* kept for a while, in order of their end */
	size_t finished_count;
	struct bh_flow_stream *flow_streams; /* those who follow */
	uint64_t flow_sequence;		     /* counts reports */
	TAILQ_HEAD(, bh_live_flow) unnamed;  /* flows whose ends have no names yet (core_late.c) */
	size_t unnamed_count;
	size_t unnamed_due;	   /* so many of them, from the first on, are to be looked at … */
	uint64_t named_generation; /* … since the model became this one */
	int64_t sweep_due;	   /* monotonic */

	struct bh_policy *policy; /* active; NULL: none yet */
	int64_t expiry_due;	  /* µs: when a rule of it is over next */
	int64_t expiry_warned;	  /* µs: rules that are over by then were told of */
	char revision[65];
	int64_t revision_number;
	struct bh_core_trial trial;
	struct bh_core_existing *existing; /* open connections that rules begin to refuse */
	struct bh_rule_uses *uses;	   /* of the active policy's rules (core_uses.h) */
	struct bh_map *modes;		   /* workload → uint8_t *; learn where absent */
	struct bh_shares *shares;	   /* workloads of which a part is in that mode */
	struct bh_map *kept;   /* workload → what its last instances were like (core_kept.c) */
	struct bh_map *proofs; /* bridge or routed veth → what the self-test found (core_proof.c) */
	/* When it sent; a ring. capture's last word of a packet comes when its flow has been idle.
	 */
	struct bh_msg_probing probings[BH_PROBINGS];
	size_t probing;	     /* the last of them */
	uint8_t enforcement; /* enum bh_enforcement */
	char enforcement_why[1024];
	bool has_governed; /* rules of ours were confirmed since the start */
	int64_t applied;   /* when the kernel last confirmed */
	struct bh_core_tampering tampering;
	struct bh_core_trace *trace; /* the last one (core_trace.c); NULL: none */
	uint64_t serial_sent;
	uint64_t serial_done;
	bool rules_dirty;
	int64_t rules_sent_at;	  /* monotonic: when they were begun to be compiled */
	uint64_t settle_ms;	  /* how long changes are gathered before the next ones */
	struct bh_map *listeners; /* ifindex → what listens there (core_listeners.c) */
	bool listeners_new;	  /* flows of unknown direction are to be looked at again */
	bool keep_due; /* workloads stopped learning: open connections are told to the kernel */
	bool rules_sent_once;
	uint64_t compiled_generation;
	struct bh_ruleset *rules; /* as last sent */
	struct bh_force *force;	  /* what the kernel confirmed */
	struct bh_map *held; /* inode → struct held: containers whose start waits (core_hook.c) */
	uint64_t hooks_stood, hooks_given_up;
	struct bh_windows *windows; /* start-up windows of endpoints */
	struct bh_map *leaks;	    /* struct bh_edge_note */
	uint64_t leak_count;
	int64_t last_leak;	    /* µs; 0: none */
	struct bh_map *attempts;    /* id → struct bh_live_flow: may yet arrive */
	struct bh_map *undelivered; /* struct bh_edge_note */
	struct bh_foreign foreign;  /* others' chains, as last read … */
	int64_t foreign_read;	    /* µs; 0: never */
	bool foreign_asked;	    /* … and being read again */
	unsigned leaks_said;
	int64_t leaks_due; /* monotonic: when those that were not said are summed up */
	uv_timer_t rules_timer;

	struct bh_exports *exports; /* to other tools (core_export.h); NULL: nothing is exported */

	int64_t last_event;
	struct bh_loss_ring losses;
	uint64_t losses_told;	 /* intervals of which an event told */
	int64_t sight_lost;	 /* µs: when flows last passed unseen, or may have; 0: never */
	int64_t reports_lost;	 /* µs: when the same befell what is told of flows; 0: never */
	struct bh_msg_loss loss; /* as last told by the kernel process */
	bool loss_known;	 /* it spoke at all */
	struct bh_msg_capture_stats capture_stats; /* of all workers together */
	struct bh_msg_capture_state capture_state;
	bool capture_state_known;

	struct bh_traffic *traffic;
	struct bh_metrics *metrics;
	struct bh_map *tokens;	     /* hash → who may call by it (core_tokens.c) */
	int web_fds[BH_CONFIG_LIST]; /* as many as web.listen has; until the API starts */
	char web_why[512];	     /* some place of web.listen does not serve; "": all do */
	int64_t renew_due;	     /* monotonic: when certificates are looked at next */
	struct bh_api *api;
	uv_poll_t api_poll;
	uv_timer_t api_timer;
	uv_timer_t tick;
	uv_timer_t stop_timer;
	bool stopping; /* what is still in the channels is not heard */
	int exit_status;
};

/* A flow's tuple as map key: no padding, nothing but its fields. */
struct bh_tuple {
	uint8_t bytes[2 * sizeof(struct bh_addr) + 5];
};
struct bh_tuple bh_tuple_of(const struct bh_flow_key *key);
struct bh_flow_key bh_flow_key_turned(const struct bh_flow_key *key); /* the way back */
bool bh_flow_key_equal(const struct bh_flow_key *a, const struct bh_flow_key *b);

/* core_flows.c */
void bh_core_flows(struct bh_core *core, const struct bh_flow *flows, size_t count);
/* Ends what a dead capture process left open; its flow ids mean nothing to the next one. */
void bh_core_flows_orphaned(struct bh_core *core, uint32_t worker);
/* Ends flows that capture has forgotten long ago: their last report found no room in the channel.
 */
void bh_core_flows_sweep(struct bh_core *core, int64_t now);
/* How long the flow table keeps a flow of this protocol without a packet, and then some. */
int64_t bh_core_longest_silence(const struct bh_core *core, uint8_t proto);
/* Bytes both ways, as far as they are known. */
uint64_t bh_core_flow_bytes(const struct bh_core *core, const struct bh_live_flow *live);
/* core_spoofs.c */
/* Tells of a flow whose sender does not hold the address that it sends as. */
void bh_core_spoof(struct bh_core *core, const struct bh_flow *flow, const struct bh_peer *dst);
void bh_core_spoofs_tick(struct bh_core *core, int64_t now); /* now: monotonic */
/* Whose the address was at that time, besides this instance's (may be NULL): a workload's or an
 * instance's name, "host", or NULL: nobody is known to have held it. */
const char *bh_core_owner(const struct bh_core *core, const struct bh_addr *addr, int64_t time,
			  const struct bh_instance *besides);
/* What a person calls it: its workload, else its own name. */
const char *bh_core_name_of(const struct bh_instance *instance);
/* null for NULL and "". */
cJSON *bh_core_text_json(const char *text);
/* A flow as people are told of it. What it points to is its own, core's or the flow's: it stays
 * where it was filled, and is good until either changes. */
#define BH_WHY_ROOM (BH_PEER_NAME + 16)
struct bh_flow_view {
	struct bh_flow flow;
	struct bh_flow_names names;
	struct bh_tally tracked[2];
	struct bh_peer room;
	char src_why[BH_WHY_ROOM], dst_why[BH_WHY_ROOM];
};
void bh_core_flow_view(const struct bh_core *core, const struct bh_live_flow *flow,
		       struct bh_flow_view *view);
void bh_core_flow_json(const struct bh_core *core, const struct bh_live_flow *flow,
		       struct bh_buffer *out);
/* Neither what links need to work, nor what another flow shows. */
bool bh_core_flow_is_shown(const struct bh_live_flow *flow);
/* Whether policy and learning have to do with it: not what links need to work, nor what a tunnel
 * carries, whose addresses are of a network of their own and may be anybody's here. */
bool bh_core_flow_is_judged(const struct bh_live_flow *flow);
/* The flow as a question to a policy; good as long as both ends of it and *room, where its
 * destination may stand. */
struct bh_question bh_core_flow_question(const struct bh_core *core,
					 const struct bh_live_flow *live, struct bh_peer *room);
/* Both ways, and not refused by us: something was said and taken up. Not what is joined, which is
 * tracked. */
bool bh_core_flow_is_open(const struct bh_live_flow *live);
/* Tells the kernel process which connections are open, so that rules which come now do not end
 * them. */
void bh_core_flows_keep(const struct bh_core *core);
/* What JSON shows as an end's workload; NULL where it has none. */
const char *bh_core_peer_workload(const struct bh_peer *peer);

/* Connection tracking has answered: the flow is looked at again, and learned. */
void bh_core_flow_settled(struct bh_core *core, struct bh_live_flow *live);
/* Names it anew, after news of who is who, and if both ends have names by now learns it, once.
 * Whether they have. */
bool bh_core_flow_name_late(struct bh_core *core, struct bh_live_flow *live);
/* Looks again at flows whose opener is not known, after the news of who listens. */
void bh_core_flows_tick(struct bh_core *core);

/* core_tampering.c */
void bh_core_tampering(struct bh_core *core, const struct bh_tampering *what);
void bh_core_tables_state(struct bh_core *core, const struct bh_tables_state *state);
void bh_core_tampering_tick(struct bh_core *core, int64_t now); /* monotonic */
/* Enforcement is active, and others change the rules again and again; and why that is said. */
bool bh_core_is_contested(const struct bh_core *core);
char *bh_core_contested_why(const struct bh_core *core, char *out, size_t size);
/* Enforcement is active, and the tables have not been read whole for longer than they should. */
bool bh_core_is_unverified(const struct bh_core *core);
/* The members of status that say how the tables stand. */
void bh_core_add_tables(const struct bh_core *core, cJSON *json);

/* core_trace.c */
void bh_core_trace_step(struct bh_core *core, const struct bh_trace_step *step);
void bh_core_trace_rule(struct bh_core *core, const struct bh_trace_rule *rule);
void bh_core_trace_end(struct bh_core *core, const struct bh_msg_trace_end *end);

/* core_late.c */
/* With every naming of its ends, and before it is forgotten. */
void bh_core_late_note(struct bh_core *core, struct bh_live_flow *live);
void bh_core_late_leave(struct bh_core *core, struct bh_live_flow *live);
/* Looks at those that have no names again, after news of who is who. */
void bh_core_late_tick(struct bh_core *core);

/* core_conntrack.c */
void bh_core_tracking_start(struct bh_core *core);
/* A flow is new, or about to be forgotten. */
void bh_core_tracking_add(struct bh_core *core, struct bh_live_flow *live);
void bh_core_tracking_drop(struct bh_core *core, struct bh_live_flow *live);
/* Sends questions that wait, as many as may be asked now. */
void bh_core_tracking_ask(struct bh_core *core);
void bh_core_tracking_tick(struct bh_core *core, int64_t now); /* monotonic */
void bh_core_tracked(struct bh_core *core, const struct bh_msg_tracked *answers, size_t count);
/* The answer came with another flow's. */
void bh_core_tracking_answered(struct bh_core *core, struct bh_live_flow *live);
/* The answer is not there yet. */
bool bh_core_tracking_waits(const struct bh_live_flow *live);

/* Connection tracking counted something: the flow is news again, and learned. */
void bh_core_flow_counted(struct bh_core *core, struct bh_live_flow *live);

/* core_counts.c: TCP connections of which capture copies too little to count them */
struct bh_counts *bh_counts_new(void);
/* Once every flow has left. */
void bh_counts_free(struct bh_counts *counts);
bool bh_core_count_is_needed(const struct bh_core *core, const struct bh_flow *flow);
/* With each report of a flow that is shown, and before it is forgotten. */
void bh_core_count_news(struct bh_core *core, struct bh_live_flow *live);
void bh_core_count_leave(struct bh_core *core, struct bh_live_flow *live);
void bh_core_count_answer(struct bh_core *core, const struct bh_msg_tracked *answer);
/* now: monotonic. Asks about those whose turn it is; after bh_core_tracking_tick(), which renews
 * what may be asked. */
void bh_core_counts_tick(struct bh_core *core, int64_t now);
/* Nobody answers any more: what waits is settled as it is. */
void bh_core_counts_end(struct bh_core *core);
/* It is over, and its counts are still being asked for. */
bool bh_core_count_waits(const struct bh_core *core, const struct bh_live_flow *live);
/* False: not known (yet). */
bool bh_core_counted(const struct bh_live_flow *live, struct bh_tally *tx, struct bh_tally *rx);
/* It is over, and nobody counted it. */
bool bh_core_count_is_missing(const struct bh_core *core, const struct bh_live_flow *live);
/* Adds to the flow what its packets did not say: that it was established, that it goes on. */
void bh_core_count_complete(struct bh_live_flow *live);
/* Connections that nobody counted, since core started. */
uint64_t bh_core_counts_missed(const struct bh_core *core);

/* core_join.c */
/* The flow runs the way of this entry, or will once it is turned, and is one leg of its connection.
 */
void bh_core_join(struct bh_core *core, struct bh_live_flow *live, const struct bh_tracked *entry);
/* The same for a new flow of whose connection the other leg came first. */
void bh_core_join_known(struct bh_core *core, struct bh_live_flow *live);
void bh_core_join_leave(struct bh_core *core, struct bh_live_flow *live);
/* A leg that another one shows. */
bool bh_core_flow_is_hidden(const struct bh_live_flow *live);
/* The leg that shows a joined flow's connection; NULL: it was forgotten. */
struct bh_live_flow *bh_core_joined_shown(const struct bh_live_flow *live);
/* Notes the latest report of a leg; and what it was, of any flow. */
void bh_core_joined_take(struct bh_live_flow *live, const struct bh_flow *report);
const struct bh_flow *bh_core_joined_report(const struct bh_live_flow *live);
/* The connection as a whole, from the client to the server that it was led to. */
struct bh_flow bh_core_joined_flow(const struct bh_live_flow *live);
/* What the client named instead; NULL: the server itself. */
const struct bh_flow_key *bh_core_joined_named(const struct bh_live_flow *live);

/* core_samples.c */
/* The contact was learned from this flow, which is of its edge from now on; discovered: by it the
 * edge was. */
void bh_core_sample(struct bh_core *core, struct bh_live_flow *live,
		    const struct bh_contact *contact, bool discovered);
int bh_core_samples_load(struct bh_core *core, struct bh_error *err);

/* core_masked.c */
/* Where the host stands before a client whom nobody can know: then src is masked, and says why. */
void bh_core_mask(const struct bh_core *core, const struct bh_live_flow *live, struct bh_peer *src,
		  const struct bh_peer *dst);
/* Whether the client is masked because he may have come by the proxy of a published port. */
bool bh_core_masked_by_proxy(const struct bh_core *core, const struct bh_live_flow *live);
/* Whether the workload was reached by masked clients of whom the active policy says nothing, and
 * whom it would refuse in this mode; *edge: how. */
bool bh_core_undecided(const struct bh_core *core, const char *workload, uint8_t mode,
		       struct bh_edge *edge);
/* The decisions that masked clients ask for, as lines of a proposal's comment. */
void bh_core_describe_masked(const struct bh_core *core, struct bh_buffer *out);

/* core_process.c */
void bh_core_stop(struct bh_core *core, int status);

/* core_capture.c */
void bh_core_capture_init(struct bh_core *core);
/* fd: the channel to this worker, or −1; taken over. */
void bh_core_meet_capture(struct bh_core *core, uint32_t worker, int fd);
void bh_core_capture_state(struct bh_core *core, const struct bh_msg_capture_state *state);
/* What capture copies at the moment, in words. */
const char *bh_core_copied(const struct bh_core *core);
bool bh_core_hears_capture(const struct bh_core *core); /* any of them */
/* Once a second. */
void bh_core_capture_tick(struct bh_core *core);
/* How many hang: they are there, and say nothing; *since: the first of them (µs; 0: none does). */
size_t bh_core_capture_hangs(const struct bh_core *core, int64_t *since);

/* core_proxy.c */
struct bh_proxies *bh_proxies_new(void);
/* Once every flow has left. */
void bh_proxies_free(struct bh_proxies *proxies);
/* With each report, once both ends are named: notes what may be a leg. */
void bh_core_proxy_note(struct bh_core *core, struct bh_live_flow *live);
void bh_core_proxy_leave(struct bh_core *core, struct bh_live_flow *live);
/* Pairs what was noted long enough ago; now: monotonic. */
void bh_core_proxy_tick(struct bh_core *core, int64_t now);
/* A server's leg that is shown as the end of its client's. */
bool bh_core_proxy_shows_other(const struct bh_live_flow *live);
/* The leg whose destination and delivery stand for this flow's: its server's; else the flow itself.
 */
const struct bh_live_flow *bh_core_proxied_end(const struct bh_live_flow *live);
/* What masks the client, and whom it seems to be; NULL where he is not masked. */
const char *bh_core_masked_reason(const struct bh_live_flow *live);
/* Whose connections those of a masked edge were paired with, since core started; never NULL. */
const struct bh_edge_clients *bh_core_proxy_clients(const struct bh_core *core,
						    const struct bh_edge *edge);

/* core_limits.c */
/* What cannot be seen of any container: sentences, for coverage. */
cJSON *bh_core_limits(const struct bh_core *core);

/* core_names.c */
/* What DNS answers said, before the flows that follow from them. */
void bh_core_names(struct bh_core *core, const struct bh_named *names, size_t count);
/* An attachment that goes, or that another container takes over, takes no names along. Call before
 * the model learns of it. */
void bh_core_names_keep_to(struct bh_core *core, const struct bh_endpoint_fact *fact);
void bh_core_names_gone(struct bh_core *core, uint32_t ifindex);
/* Names the flow's destination, where it is outside, by what the source itself was told, on any of
 * its interfaces: another's answers say nothing about whom this one meant. Once it is learned it
 * goes by what it was learned as. */
void bh_core_name_peer(struct bh_core *core, struct bh_live_flow *live);
/* As whom ledger and policy know the flow's destination: outside, by the name that its source had
 * asked for, or else its workload, when it began (then it may be *room); once it is learned, as
 * it was then. */
const struct bh_peer *bh_core_destination(const struct bh_core *core,
					  const struct bh_live_flow *live, struct bh_peer *room);
/* Keeps what else the destination of a flow that was learned is called, beside its edge; dst: as
 * bh_core_destination() has it. */
void bh_core_keep_names(struct bh_core *core, struct bh_live_flow *live, const struct bh_peer *dst);
/* Whom it was thought to go to is where it came from. */
void bh_core_unname_peer(struct bh_live_flow *live);
/* What TLS clients say, after the flows in which they say it. */
void bh_core_claims(struct bh_core *core, const struct bh_claim *claims, size_t count);

/* core_nameless.c */
/* How many workloads have servers outside and were told no name at all, as far as was seen; appends
 * the first few of them to *who. */
size_t bh_core_names_missing(const struct bh_core *core, struct bh_buffer *who);
/* Whether the workload is one of these, and has rules by name, which would let nothing through;
 * appends the first few of them to *names. */
bool bh_core_rules_unseen(const struct bh_core *core, const char *workload,
			  struct bh_buffer *names);
/* Whether the active policy has rules by name for it. */
bool bh_core_has_names(const struct bh_core *core, const char *workload);
/* Sentences, for coverage: those workloads, and others whose rules by name wait for an answer. */
cJSON *bh_core_nameless_json(const struct bh_core *core);

/* core_answers.c */
void bh_core_answers_start(struct bh_core *core);
void bh_core_answers_free(struct bh_core *core); /* once every flow has left */
/* A container was told what a name stands for. */
void bh_core_answer(struct bh_core *core, const struct bh_named *named);
/* The model changed: it may be known by now who was. */
void bh_core_answers_look(struct bh_core *core);
void bh_core_answers_tick(struct bh_core *core, int64_t now); /* µs */
/* With each report of a flow, once its ends are named; and when it ends, is forgotten, or turns out
 * to be between others. */
void bh_core_answer_used(struct bh_core *core, struct bh_live_flow *live);
void bh_core_answer_leave(struct bh_live_flow *live);
/* Adds the name by which the source's workload knows the address outside, where the question has
 * none: rules by name count for all of its replicas. Good until the next answer. */
void bh_core_name_question(const struct bh_core *core, struct bh_question *question);
/* What the active policy's rules by name stand for, as the compiler wants it; good as long as no
 * further answer comes, and to be freed. */
struct bh_compile_name *bh_core_answers_compile(const struct bh_core *core, size_t *count);
/* Puts back what an earlier run was told. */
int bh_core_answers_load(struct bh_core *core, struct bh_error *err);
/* Writes what changed since the last call, into a transaction that is open afterwards if there was
 * anything. */
int bh_core_answers_save(struct bh_core *core, struct bh_error *err);

/* core_senders.c */
/* The bridge's ifindex; a routed veth is a network of its own. */
uint32_t bh_core_network_of(const struct bh_instance *instance);
/* As bh_core_owner() of a MAC that came from this sender (NULL: from nobody known), at present and
 * on its network. */
const char *bh_core_mac_owner(const struct bh_core *core, const struct bh_mac *mac,
			      const struct bh_instance *sender);
/* Whether what is known by now explains the frame, or somebody else tells of it. */
bool bh_core_sender_settles(const struct bh_core *core, const struct bh_msg_neighbour *frame);
/* Tells of what nothing explained. */
void bh_core_sender_judge(struct bh_core *core, const struct bh_msg_neighbour *frame);
void bh_core_senders_tick(struct bh_core *core, int64_t now);

/* core_neighbours.c */
struct bh_neighbourhood *bh_neighbourhood_new(void);
void bh_neighbourhood_free(struct bh_neighbourhood *neighbourhood);
/* Who claimed which address, by ARP or neighbour discovery, or sent from which MAC, on which
 * interface. */
void bh_core_neighbours(struct bh_core *core, const struct bh_msg_neighbour *claims, size_t count);
/* Judges the claims that have waited for the kernel's facts long enough. now: monotonic. */
void bh_core_neighbours_tick(struct bh_core *core, int64_t now);

/* core_listeners.c */
enum bh_responder { BH_RESPONDER_UNKNOWN, BH_RESPONDER_SRC, BH_RESPONDER_DST };
/* Which end of a flow of unknown direction was there first, waiting; asks where it is not known. */
enum bh_responder bh_core_responder(struct bh_core *core, const struct bh_flow *flow);
void bh_core_listeners(struct bh_core *core, const struct bh_listeners *listeners);
/* Looks where nobody looked for a while, a few endpoints at a time; now: monotonic. */
void bh_core_listeners_tick(struct bh_core *core, int64_t now);
/* ["80/tcp", …]; null as long as they are not known, or not all of them. */
cJSON *bh_core_listeners_json(const struct bh_core *core, uint32_t ifindex);
/* Those of one of the containers that share a namespace, the host's (ifindex 0) too; null: not
 * known. */
cJSON *bh_core_own_listeners_json(const struct bh_core *core, uint32_t ifindex, const char *id);
/* Which of the containers that share the namespace behind that interface listens on the port, by
 * name, as far as was seen when it was looked up last. NULL: not known, or only one lives there. */
const char *bh_core_listening_container(const struct bh_core *core, uint32_t ifindex, uint8_t proto,
					uint16_t port);
void bh_core_listeners_gone(struct bh_core *core, uint32_t ifindex);

/* core_denials.c */
void bh_core_denial(struct bh_core *core, const struct bh_denial *denial);
/* Whether a packet of this tuple was denied a moment ago, before its flow was known; answers yes
 * once. */
bool bh_core_denial_met(struct bh_core *core, const struct bh_flow_key *key);
/* Of a flow that nobody answered: the tuple by which its opening was denied a moment ago, once
 * somebody had translated its destination; NULL: it was not. Valid until the next denial. */
const struct bh_flow_key *bh_core_denial_behind(const struct bh_core *core,
						const struct bh_flow *flow);
void bh_core_denials_tick(struct bh_core *core, int64_t now);

/* core_expiry.c: rules whose time is over. Begin: a policy has become the active one. */
void bh_core_expiry_begin(struct bh_core *core);
void bh_core_expiry_tick(struct bh_core *core, int64_t now);
/* Those that are over, or will be within a week. */
cJSON *bh_core_expiry_json(const struct bh_core *core, int64_t now);

/* core_rules.c */
int bh_core_rules_load(struct bh_core *core, struct bh_error *err);
/* What a workload is treated by, and what it was set to: after a deploy the former may be milder.
 */
uint8_t bh_core_mode(const struct bh_core *core, const char *workload);
uint8_t bh_core_mode_set(const struct bh_core *core, const char *workload);
/* Something that the ruleset depends on may have changed; it is compiled again shortly. */
void bh_core_rules_touch(struct bh_core *core);
void bh_core_rules_result(struct bh_core *core, const struct bh_msg_rules_result *result);
/* file: what errors call the document. 0, or negative errno: −EINVAL is the document's fault. */
int bh_core_policy_apply(struct bh_core *core, const char *text, const char *file,
			 const char *author, const char *why, size_t *changes,
			 struct bh_error *err);
/* The revision that a rollback without a number goes to: where a trial would go back to; else the
 * last one that was confirmed, and that says something else, if there is such a one. −ENOENT. */
int bh_core_policy_earlier(struct bh_core *core, int64_t *number, struct bh_error *err);
int bh_core_policy_rollback(struct bh_core *core, int64_t number, const char *author,
			    const char *why, size_t *changes, struct bh_error *err);
/* Whether the active policy, which there must be, names it. */
bool bh_core_is_selected(const struct bh_core *core, const char *workload);
/* −EPERM and why, where the workload may not be treated so. */
int bh_core_mode_allowed(const struct bh_core *core, const char *workload, uint8_t mode,
			 struct bh_error *err);
/* share: NULL: all of its instances. */
int bh_core_set_mode(struct bh_core *core, const char *workload, uint8_t mode,
		     const struct bh_share *share, const char *author, struct bh_error *err);
struct bh_policy *bh_core_propose(struct bh_core *core);

/* Who a name or address stands for, as the evaluator wants it. name: a workload, "host", "world",
 * "dns:NAME" or an address. False where it is none of these. The subject points into *core and
 * *peer. */
bool bh_core_subject(const struct bh_core *core, const char *name, struct bh_peer *peer,
		     struct bh_subject *subject);
/* The same for a peer that is known already. */
void bh_core_peer_subject(const struct bh_core *core, const struct bh_peer *peer,
			  struct bh_subject *subject);
/* The same by the instance that held the address then: its labels, and its own mode. */
void bh_core_address_subject(const struct bh_core *core, const struct bh_peer *peer,
			     const struct bh_addr *addr, int64_t time, struct bh_subject *subject);
/* The subject goes by this instance's labels. */
void bh_core_instance_subject(const struct bh_instance *instance, struct bh_subject *subject);
bool bh_core_workload_exists(const struct bh_core *core, const char *workload);

/* core_alike.c */
/* Groups of instances that look like replicas of one thing, where nobody says what they belong to;
 * with the configuration that confirms each. */
cJSON *bh_core_alike_json(const struct bh_core *core);

/* core_groups.c: for struct bh_propose_input, with the core as its user */
void bh_core_groups(void *user, const char *workload,
		    void (*add)(void *to, const char *key, const char *value, bool whole),
		    void *to);
bool bh_core_port_is_sensitive(void *user, uint8_t proto, uint16_t port);

/* core_window.c */
/* A fact that the model has; fresh: of an endpoint that it did not have before. */
void bh_core_window_fact(struct bh_core *core, const struct bh_endpoint_fact *fact, bool fresh);
void bh_core_window_gone(struct bh_core *core, uint32_t ifindex, int64_t time);
/* The model changed: some may be known now. */
void bh_core_window_look(struct bh_core *core);
/* The kernel confirmed rules. */
void bh_core_window_confirmed(struct bh_core *core, int64_t now);
/* A flow began. */
void bh_core_window_flow(struct bh_core *core, const struct bh_flow *flow);
/* Whether a known endpoint's interface and every address that it has is bound in the kernel, as its
 * workload's and in its mode. The rules of the others that name it came with that. */
bool bh_core_stands(const struct bh_core *core, const struct bh_instance *who);
cJSON *bh_core_window_json(const struct bh_core *core);

/* core_hook.c */
/* The kernel process looked at a namespace. */
void bh_core_hooked(struct bh_core *core, const struct bh_msg_hooked *answer);
/* What a hook left behind that was not heard. */
void bh_core_hook_gave_up(struct bh_core *core, const struct bh_msg_given_up *note);
/* now: monotonic. */
void bh_core_hooks_tick(struct bh_core *core);
cJSON *bh_core_hooks_json(const struct bh_core *core);

/* core_kept.c */
/* Notes what the instances of workloads that do not merely learn are like. now: µs. */
void bh_core_keep(struct bh_core *core, int64_t now);
/* The last one of a workload, as long as it does not merely learn, or NULL. */
const struct bh_instance *bh_core_kept(const struct bh_core *core, const char *workload);
/* Iterates like bh_map_next() over those of workloads that had none by the last bh_core_keep(). */
const struct bh_instance *bh_core_kept_next(const struct bh_core *core, size_t *position);
/* Names of the bridges that such workloads are or were on, as keys; to be freed. */
struct bh_map *bh_core_kept_bridges(const struct bh_core *core);
/* Some are not theirs any more: then rules are to be compiled again. now: µs. */
void bh_core_kept_tick(struct bh_core *core, int64_t now);
void bh_core_kept_free(void *kept);
/* Puts back what an earlier run knew. */
int bh_core_kept_load(struct bh_core *core, struct bh_error *err);
/* Writes what changed since the last call, into a transaction that is open afterwards if there was
 * anything. */
int bh_core_kept_save(struct bh_core *core, struct bh_error *err);
/* What was saved is not to be relied upon. */
void bh_core_kept_mark_unsaved(struct bh_core *core);

cJSON *bh_core_end_json(const struct bh_peer *peer, const struct bh_addr *addr, uint16_t port);

/* core_verdicts.c */
/* What passes whatever the policy says: address configuration (docs/security.md). */
bool bh_core_is_dhcp(const struct bh_flow_key *key);
/* With each report, once both ends are named: raises the alarm where what is denied arrives. */
void bh_core_verdict_observe(struct bh_core *core, struct bh_live_flow *live);
/* Of the initiator's direction, and of the way back. */
enum bh_flow_verdict bh_core_flow_verdict(const struct bh_core *core,
					  const struct bh_live_flow *live);
enum bh_flow_verdict bh_core_flow_verdict_back(const struct bh_core *core,
					       const struct bh_live_flow *live);
/* now: monotonic. */
void bh_core_leaks_tick(struct bh_core *core, int64_t now);
/* Whether what stays on one bridge is judged there, without connection tracking. */
bool bh_core_is_stateless(const struct bh_core *core);
/* Whether packets like this one are judged in both orientations, because nobody remembers who
 * opened their exchange: between two ends on one bridge where that is stateless, or one there and
 * one that may be where the bridge leads out, and but for TCP and ICMP. */
bool bh_core_is_untracked(const struct bh_core *core, const struct bh_flow_key *key, int64_t time);
/* The interface of the network that both ends, containers of this host, share at that time; NULL:
 * they do not. */
const char *bh_core_shared_network(const struct bh_core *core, const struct bh_flow_key *key,
				   int64_t time);
/* It goes from one network of this host to another. */
bool bh_core_flow_is_routed(const struct bh_core *core, const struct bh_live_flow *live);
/* Within the last minute something was delivered that our rules deny. */
bool bh_core_is_leaking(const struct bh_core *core);

/* core_reported.c */
/* Whether the same exchange was told of a while ago, or is told of now: of what is not tracked the
 * kernel reports each datagram, both ways. What was refused is told each time. */
bool bh_core_was_reported(struct bh_core *core, const struct bh_denial *denial);
/* now: µs */
void bh_core_reported_tick(struct bh_core *core, int64_t now);

/* core_undelivered.c */
/* A flow of which nothing has arrived, and none of our rules stands in its way. */
void bh_core_attempt(struct bh_core *core, struct bh_live_flow *live);
/* Something arrived, or the flow ended. */
void bh_core_attempt_over(struct bh_core *core, struct bh_live_flow *live);
void bh_core_undelivered_tick(struct bh_core *core, int64_t now);
void bh_core_foreign(struct bh_core *core, const struct bh_foreign *foreign);
/* An edge's note; count: of connections. */
cJSON *bh_core_note_json(const struct bh_edge_note *note, uint64_t count);
/* The same with those who may have stopped it, and the whole in words. */
cJSON *bh_core_undelivered_json(const struct bh_core *core, const struct bh_edge_note *note,
				uint64_t count);
/* Which hooks packets between containers pass. */
struct bh_way {
	bool six;
	bool routed;   /* from one network to another; else on one bridge, … */
	bool ip_hooks; /* … that hands them to netfilter */
};
struct bh_way bh_core_way_on_bridge(const struct bh_core *core, const char *ifname, bool six);
/* The chains of others that could stop packets there, in words. */
cJSON *bh_core_suspects(const struct bh_core *core, const struct bh_way *way);
/* Adds "; suspected: …", if there are any. */
void bh_core_name_suspects(const cJSON *suspects, struct bh_buffer *out);
/* Asks for others' chains anew, where that was not done just now. */
void bh_core_foreign_ask(struct bh_core *core);

/* core_proof.c */
void bh_core_proof(struct bh_core *core, const struct bh_proof *proof);
/* The self-test begins to send, or has ended. */
void bh_core_probing(struct bh_core *core, const struct bh_msg_probing *probing);
/* Whether it was sending all of that time. Of how long ago it is known: BH_PROBINGS tests. */
bool bh_core_is_probing(const struct bh_core *core, int64_t first, int64_t last);
/* Tells what is to be told; others' chains have been read by then. */
void bh_core_proofs_tick(struct bh_core *core);
/* Has the kernel process test again what was not tested just now. */
void bh_core_prove(struct bh_core *core);
/* The worst state of any managed bridge, or routed veth: PROVED where all are proved, or idle; and
 * of those that are not, in words. Rules must be in the kernel. */
enum bh_proof_state bh_core_proofs_state(const struct bh_core *core, struct bh_buffer *why);
cJSON *bh_core_proofs_json(const struct bh_core *core);
/* A connection that began then was not delivered; where such begin with a bridge's being handed to
 * netfilter, that is taken back. */
void bh_core_proofs_undelivered(struct bh_core *core, const struct bh_edge_note *note,
				int64_t first);
/* Adds a sentence for each bridge of which it is not known that the rules hold, or known that they
 * do not. */
void bh_core_proofs_say(const struct bh_core *core, cJSON *list);

/* core_host.c */
/* Whether a file in /proc/sys says 1. */
bool bh_core_switch_is_on(const char *path);
/* Adds a sentence for each setting of the host that keeps rules from being met. */
void bh_core_host_say_faults(const struct bh_core *core, cJSON *list);
/* A sentence for each bridge with one of these workloads (NULL: any) whose traffic others' chains
 * would be shown, if somebody there were governed, and may stop it; and for each of their instances
 * that cannot be enforced where it is attached. */
cJSON *bh_core_exposed_json(const struct bh_core *core, const char *const *workloads, size_t count);
/* Whether every bridge's frames are handed to netfilter, whatever their own flags say. */
bool bh_core_all_handed_over(void);
/* Adds sentences for each bridge that is judged and has ports that lead to no container. */
void bh_core_uplinks_say(const struct bh_core *core, cJSON *list);
/* The same, where one of the two may be behind such a port. */
cJSON *bh_core_unsure_json(const struct bh_core *core, const struct bh_subject *src,
			   const struct bh_subject *dst);
/* Who is to be audited or enforced, and is not: no rule meets what passes at its interface. */
void bh_core_diverted_say(const struct bh_core *core, cJSON *list);
/* In words: that this policy's refusals are otherwise than it reads where they are on one bridge.
 * NULL: they are not. */
const char *bh_core_silence(const struct bh_core *core, const struct bh_policy *policy);
/* The same, where it does not hold already of the policy in force. */
const char *bh_core_silence_news(const struct bh_core *core, const struct bh_policy *policy);
/* "reject" or "drop": how the policy in force refuses something between the two. A name stands for
 * several: where some pair of them is on a bridge that cannot answer, it is "drop"; NULL: that is
 * not known, as of somebody outside. */
const char *bh_core_refusal(const struct bh_core *core, const struct bh_subject *src,
			    const struct bh_subject *dst);
/* What is exposed, and what else is worth to know of this host and its settings. */
cJSON *bh_core_host_json(const struct bh_core *core);

/* core_loss.c */
/* Something was lost just now. */
void bh_core_lost(struct bh_core *core, enum bh_loss_kind kind, uint64_t count);
/* Totals of the other processes, which grow. The first word of each is where it begins. */
void bh_core_loss_take(struct bh_core *core, const struct bh_msg_loss *loss);
void bh_core_loss_stats(struct bh_core *core, const struct bh_msg_capture_stats *before,
			const struct bh_msg_capture_stats *stats);
/* Tells of intervals that are over by then. */
void bh_core_loss_tick(struct bh_core *core, int64_t now);
/* Whether something of it may have been lost: its counts are a floor. */
bool bh_core_flow_is_lossy(const struct bh_core *core, const struct bh_live_flow *live);
cJSON *bh_core_loss_json(const struct bh_core *core);
/* Adds a sentence for each kind of loss there was. */
void bh_core_loss_say(const struct bh_core *core, cJSON *list);

/* core_learning.c */
void bh_core_learning_start(struct bh_core *core);
/* One of its instances, without a search; NULL: none is known to be there. */
const struct bh_instance *bh_core_present_instance(const struct bh_core *core,
						   const char *workload);
/* Iterates like bh_map_next() over the workloads that run, as the ledger was told. */
const char *bh_core_present_next(const struct bh_core *core, size_t *position);
/* An interface goes; before the model knows. */
void bh_core_learning_gone(struct bh_core *core, uint32_t ifindex, int64_t time);
void bh_core_learning_tick(struct bh_core *core, int64_t now, int64_t monotonic);
/* Who came since the last tick, and runs another version; before rules are made for them. */
void bh_core_learning_look(struct bh_core *core, int64_t now);

/* core_events.c */
void bh_core_event(struct bh_core *core, const char *kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with more members; json is taken over. */
void bh_core_event_json(struct bh_core *core, const char *kind, const char *text, cJSON *json);
/* Opens a transaction where none is; it is committed once a second. */
void bh_core_store_write(struct bh_core *core);
/* Opens one for what a person waits for, and nothing else. 0 or negative errno. */
int bh_core_store_begin(struct bh_core *core, struct bh_error *err);
/* Commits. 0; or negative errno, and nothing of the transaction is kept. */
int bh_core_store_flush(struct bh_core *core, struct bh_error *err);
/* What bh_core_store_begin() began: kept, where result is 0, else nothing of it. */
int bh_core_store_end(struct bh_core *core, int result, struct bh_error *err);
/* The store refused something: status says so until it takes everything again. */
void bh_core_store_failed(struct bh_core *core, const struct bh_error *err);
/* Writes what changed since the last call. */
void bh_core_store_save(struct bh_core *core);

/* core_pods.c */
void bh_core_pods_start(struct bh_core *core);
/* Keeps what the API server says of a pod: a container that has the pod's uid as its id. */
void bh_core_pods_put(struct bh_core *core, const struct bh_container *facts);
/* Keeps the container if it is a pod's. Returns it with its pod's labels and owner; the caller
 * frees it. */
struct bh_container *bh_core_pods_join(struct bh_core *core, const struct bh_container *container);
/* Calls state() with each container of the pod, so joined. */
void bh_core_pods_restate(struct bh_core *core, const char *uid,
			  void (*state)(struct bh_core *core,
					const struct bh_container *container));
/* The server has it no more: it is forgotten as soon as no container of it is left. */
void bh_core_pods_lose(struct bh_core *core, const char *uid);
void bh_core_pods_lose_member(struct bh_core *core, const char *id);
/* How many there are of which nobody tells what they belong to. */
size_t bh_core_pods_unexplained(const struct bh_core *core);

/* core_runtimes.c */
void bh_core_runtimes_start(struct bh_core *core); /* once the kernel's facts are in; or again */
void bh_core_runtimes_tick(struct bh_core *core, int64_t now);
void bh_core_runtime_data(struct bh_core *core, const struct bh_message *message);
void bh_core_runtime_end(struct bh_core *core, const struct bh_msg_runtime_end *end);
bool bh_core_runtimes_known(const struct bh_core *core); /* each answered, or cannot be asked */
/* "off", "absent", "unreachable", "connected" */
const char *bh_core_runtime_state(const struct bh_core *core, uint8_t runtime);
/* Adds a sentence for each runtime whose containers are here, and that cannot be asked. */
void bh_core_runtimes_say(const struct bh_core *core, cJSON *list);

/* core_memory.c */
void bh_core_remember(struct bh_core *core, const struct bh_container *container);
void bh_core_forget(struct bh_core *core, const char *id);
int bh_core_recall(struct bh_core *core, struct bh_error *err);
/* A container as what is written of it, without what is given to the next one: sandbox, process,
 * addresses. What is read is to be freed. */
cJSON *bh_core_container_json(const struct bh_container *container);
struct bh_container *bh_core_container_read(const cJSON *json);
void bh_core_forget_unmentioned(struct bh_core *core, uint8_t runtime, int64_t now);

/* core_history.c */
/* Puts back what an earlier run knew; before any fact, and before containers. */
int bh_core_history_load(struct bh_core *core, struct bh_error *err);
/* Writes what changed since the last call, into a transaction that is open afterwards if there was
 * anything. */
int bh_core_history_save(struct bh_core *core, struct bh_error *err);

/* core_renamed.c */
/* A struct bh_model_config's renamed, with the core as its user. */
void bh_core_renamed(void *user, const struct bh_instance *is, const struct bh_designation *was);
/* After modes and policy. */
int bh_core_renamed_load(struct bh_core *core, struct bh_error *err);
/* Adds a sentence for each workload that has another name now, and mode or policy under the old. */
void bh_core_renamed_say(const struct bh_core *core, cJSON *list);

/* core_uplinks.c */
void bh_core_uplink(struct bh_core *core, const struct bh_endpoint_fact *fact);
void bh_core_uplink_gone(struct bh_core *core, uint32_t ifindex);
/* Whether no container can be behind it; of a bridge's port, that the world is. */
bool bh_core_is_uplink(const struct bh_core *core, const struct bh_host_link *link);
/* A struct bh_model_config's leads_out, with the core as its user. */
bool bh_core_leads_out(const void *user, const struct bh_host_link *link);
/* Of whoever has an address of a bridge's network, and is behind no veth and no container that is
 * known; other: who is at the other end, may be NULL. If he is on that bridge, and it leads out,
 * the one is there: he is no more UNRESOLVED, but an ADDRESS outside. Whether that is so. */
bool bh_core_name_beyond(const struct bh_core *core, const struct bh_addr *addr,
			 const struct bh_instance *other, struct bh_peer *peer);
/* All of them: those that there are will be told of anew. */
void bh_core_uplinks_forget(struct bh_core *core);
/* Whether such a veth is why this row is not covered; then which one, and what to do. */
bool bh_core_uplink_why(const struct bh_core *core, const struct bh_coverage_row *row, char *out,
			size_t size);

/* core_tokens.c */
int bh_core_tokens_load(struct bh_core *core, struct bh_error *err);

/* core_api_flows.c */
/* A flow is forgotten: who follows, and was not told of it yet, misses it. */
void bh_core_flow_streams_forget(struct bh_core *core, const struct bh_live_flow *live);

/* core_api.c */
/* A socket of web.listen, before the API starts. */
void bh_core_api_take(struct bh_core *core, uint32_t place, int fd);
int bh_core_api_start(struct bh_core *core, int listen_fd, struct bh_error *err);
void bh_core_api_tick(struct bh_core *core, int64_t now); /* now: monotonic */

/* Connections that the ledger did not learn, packets lost …: sentences, for status. */
cJSON *bh_core_unknown(const struct bh_core *core);

#endif
