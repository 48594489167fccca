/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promotion.h"

#include <inttypes.h>
#include <math.h>

#include "timefmt.h"

#define AUDIT_WINDOWS 7
#define ENFORCE_WINDOWS 14
#define QUIET_WINDOWS 7
#define JOB_RUNS 3
#define MOST_RISK 0.02
#define WEEK 0x7f /* bits of seven windows that follow each other */

const char *bh_lack_name(enum bh_lack lack)
{
	static const char *const names[BH_LACKS] = { [BH_LACK_WINDOWS] = "windows",
						     [BH_LACK_RUNS] = "runs",
						     [BH_LACK_WEEKDAYS] = "weekdays",
						     [BH_LACK_URGENT] = "urgent-review",
						     [BH_LACK_REVIEW] = "review",
						     [BH_LACK_QUIET] = "quiet",
						     [BH_LACK_RISK] = "risk",
						     [BH_LACK_OPEN_ENDED] = "open-ended",
						     [BH_LACK_SCHEDULE] = "schedule",
						     [BH_LACK_ROOM] = "room",
						     [BH_LACK_POLICY] = "policy",
						     [BH_LACK_MASKED] = "masked",
						     [BH_LACK_STRANGERS] = "unresolved",
						     [BH_LACK_NAMES] = "names" };

	return lack < BH_LACKS ? names[lack] : "?";
}

static uint32_t bit(enum bh_lack lack, bool applies)
{
	return applies ? UINT32_C(1) << lack : 0;
}

static uint32_t windows_wanted(uint8_t mode)
{
	return mode == BH_ENFORCE ? ENFORCE_WINDOWS : AUDIT_WINDOWS;
}

/* Since when nothing was new, nor denied, nor unknown for want of an audit. */
static int64_t quiet_since(const struct bh_standing *s)
{
	int64_t since = s->readiness->baseline.newest;

	if (s->readiness->opposed > since)
		since = s->readiness->opposed;
	return s->must_audit && s->audited > since ? s->audited : since;
}

static bool is_long_ago(const struct bh_standing *s)
{
	return s->now - quiet_since(s) >= QUIET_WINDOWS * s->window;
}

static int64_t window_of(const struct bh_standing *s, int64_t time)
{
	int64_t from = time - s->offset;

	return from / s->window - (from % s->window < 0);
}

/* Whole windows since then in which it ran, and somebody would have seen it. */
static unsigned watched_since(const struct bh_standing *s)
{
	int64_t between = window_of(s, s->now) - window_of(s, quiet_since(s)) - 1;
	uint64_t lately = s->readiness->baseline.lately;

	if (between <= 0)
		return 0;
	return (unsigned)__builtin_popcountll(between < 64 ? lately & ((UINT64_C(1) << between) - 1)
							   : lately);
}

/* Of seven windows' time six windows at least are whole. */
static bool is_quiet(const struct bh_standing *s)
{
	return (!s->must_audit || s->audited != 0) && is_long_ago(s) &&
	       watched_since(s) >= QUIET_WINDOWS - 1;
}

/* What nobody owns up to no rule can allow. */
static bool met_stranger_lately(const struct bh_standing *s)
{
	int64_t stranger = s->readiness->baseline.stranger;

	return stranger != 0 && window_of(s, s->now) - stranger < QUIET_WINDOWS;
}

static uint32_t lacks_for_audit(const struct bh_standing *s, uint8_t mode)
{
	const struct bh_baseline *b = &s->readiness->baseline;

	if (b->owner.job)
		return bit(BH_LACK_RUNS, b->windows < JOB_RUNS);
	return bit(BH_LACK_WINDOWS, b->windows < windows_wanted(mode)) |
	       bit(BH_LACK_WEEKDAYS, (b->phases & WEEK) != WEEK);
}

static uint32_t lacks_for_enforce(const struct bh_standing *s)
{
	const struct bh_workload_readiness *w = s->readiness;

	return bit(BH_LACK_REVIEW, w->waiting > w->urgent) | bit(BH_LACK_QUIET, !is_quiet(s)) |
	       bit(BH_LACK_STRANGERS, met_stranger_lately(s)) |
	       bit(BH_LACK_RISK, w->risk > MOST_RISK) | bit(BH_LACK_OPEN_ENDED, w->open_ended) |
	       bit(BH_LACK_SCHEDULE, s->watched < 2 * s->schedule);
}

uint32_t bh_promotion_lacks(const struct bh_standing *s, uint8_t mode)
{
	uint32_t lacks = 0;

	if (mode >= BH_AUDIT)
		lacks |= lacks_for_audit(s, mode) |
			 bit(BH_LACK_ROOM, s->readiness->baseline.crowded) |
			 bit(BH_LACK_POLICY, s->unselected);
	if (mode > BH_AUDIT)
		lacks |= bit(BH_LACK_URGENT, s->readiness->urgent > 0) |
			 bit(BH_LACK_MASKED, (s->masked >> mode & 1) != 0) |
			 bit(BH_LACK_NAMES, s->unnamed);
	if (mode == BH_ENFORCE)
		lacks |= lacks_for_enforce(s);
	return lacks;
}

/* --- in words --------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* Window 0 begins at 1970-01-01, a Thursday. */
static void list_weekdays(uint8_t phases, bool days, struct bh_buffer *out)
{
	static const char *const names[] = { "Thursday", "Friday",  "Saturday", "Sunday",
					     "Monday",	 "Tuesday", "Wednesday" };
	const char *before = "";

	for (unsigned i = 0; i < 7; i++) {
		if ((phases >> i & 1) != 0)
			continue;
		if (days)
			bh_buffer_printf(out, "%s%s", before, names[i]);
		else
			bh_buffer_printf(out, "%s%u", before, i);
		before = ", ";
	}
}

static void explain_weekdays(uint8_t phases, bool days, struct bh_buffer *out)
{
	if ((phases & WEEK) == 0) {
		bh_buffer_puts(out, days ? "no weekday was seen yet"
					 : "none of seven windows that follow each other was seen "
					   "yet");
		return;
	}
	bh_buffer_puts(out, days ? "not seen yet: "
				 : "of seven windows that follow each other not seen yet: number ");
	list_weekdays(phases, days, out);
}

static void explain_quiet(const struct bh_standing *s, struct bh_buffer *out)
{
	double windows = floor(10 * (double)(s->now - quiet_since(s)) / (double)s->window) / 10;

	if (s->must_audit && s->audited == 0)
		bh_buffer_printf(out,
				 "it is not audited yet: %d windows without a denial are "
				 "wanted",
				 QUIET_WINDOWS);
	else if (is_long_ago(s))
		bh_buffer_printf(out,
				 "%u whole windows were watched since something new, or denied; %d "
				 "are wanted",
				 watched_since(s), QUIET_WINDOWS - 1);
	else
		bh_buffer_printf(
			out, "something new, or denied, %.1f windows ago; %d without are wanted",
			windows, QUIET_WINDOWS);
}

void bh_promotion_explain(const struct bh_standing *s, uint8_t mode, enum bh_lack lack,
			  struct bh_buffer *out)
{
	const struct bh_workload_readiness *w = s->readiness;
	const struct bh_baseline *b = &w->baseline;

	switch (lack) {
	case BH_LACK_WINDOWS:
		bh_buffer_printf(out, "%" PRIu32 " of %" PRIu32 " windows were watched", b->windows,
				 windows_wanted(mode));
		break;
	case BH_LACK_RUNS:
		bh_buffer_printf(out, "it is a job, and ran %" PRIu32 " time%s of %d", b->windows,
				 plural(b->windows), JOB_RUNS);
		break;
	case BH_LACK_WEEKDAYS:
		explain_weekdays(b->phases, s->window == BH_DAY, out);
		break;
	case BH_LACK_URGENT:
		bh_buffer_printf(out,
				 "%" PRIu32 " edge%s to sensitive ports or outside wait%s for "
				 "a person",
				 w->urgent, plural(w->urgent), w->urgent == 1 ? "s" : "");
		break;
	case BH_LACK_REVIEW:
		bh_buffer_printf(out, "%" PRIu32 " more edge%s wait%s for a person",
				 w->waiting - w->urgent, plural(w->waiting - w->urgent),
				 w->waiting - w->urgent == 1 ? "s" : "");
		break;
	case BH_LACK_QUIET:
		explain_quiet(s, out);
		break;
	case BH_LACK_RISK:
		bh_buffer_printf(out,
				 "a new edge in the next window with %.1f %%; at most %.0f %% is "
				 "wanted",
				 ceil(1000 * w->risk) / 10, 100 * MOST_RISK);
		break;
	case BH_LACK_OPEN_ENDED:
		bh_buffer_printf(
			out,
			"it has %.1f new edges a window of late, and while that goes on "
			"will never be complete: send it through a proxy, or allow world:443",
			w->recent);
		break;
	case BH_LACK_SCHEDULE:
		bh_buffer_printf(out,
				 "it declares a schedule with up to %g days from one time to the "
				 "next, and %.1f days were watched: two runs are wanted",
				 (double)s->schedule / BH_DAY,
				 floor(10 * (double)s->watched / BH_DAY) / 10);
		break;
	case BH_LACK_ROOM:
		bh_buffer_puts(out, "the ledger has no room for more edges, or for more of what it "
				    "is denied: what comes is not seen; reject what was rightly "
				    "denied, or raise learning.max_edges");
		break;
	case BH_LACK_POLICY:
		bh_buffer_puts(out, "the active policy does not name it: everything that it does "
				    "would be refused");
		break;
	case BH_LACK_MASKED:
		bh_buffer_puts(out, "it is reached by somebody who is not known, behind a proxy or "
				    "a translation on the host: a rule from host has to decide it");
		break;
	case BH_LACK_STRANGERS:
		bh_buffer_printf(out,
				 "it had connections whose other end nobody owns up to, %" PRId64
				 " windows ago; no rule can allow them, and %d windows without are "
				 "wanted (bulkhead flows, bulkhead coverage)",
				 window_of(s, s->now) - b->stranger, QUIET_WINDOWS);
		break;
	case BH_LACK_NAMES:
		bh_buffer_puts(out, "it goes to servers outside, and no DNS answer for it was "
				    "seen: its rules by name would let nothing through");
		break;
	case BH_LACKS:
		break;
	}
}
