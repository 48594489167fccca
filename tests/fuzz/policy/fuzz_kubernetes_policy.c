/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are manifests or an error with a place. What was read prints to a policy of ours that
 * says the same. */

static void fail(const char *what, const char *text)
{
	fprintf(stderr, "%s:\n%s\n", what, text);
	abort();
}

static void check_policy(const struct bh_policy *policy)
{
	char *text = bh_policy_print(policy), before[65], after[65];
	struct bh_error err = { 0 };
	struct bh_policy *again = bh_policy_parse(text, strlen(text), "printed", &err);

	/* Lists multiply; that is the parser's to refuse. */
	if (again == NULL && strstr(err.text, " combinations ") == NULL) {
		fprintf(stderr, "%s\n", err.text);
		fail("what was printed does not parse", text);
	}
	if (again != NULL) {
		bh_policy_revision(policy, before);
		bh_policy_revision(again, after);
		if (strcmp(before, after) != 0)
			fail("what was printed is another policy", text);
	}
	bh_policy_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_kubernetes_import *import = bh_kubernetes_import_new();
	struct bh_error err = { 0 };
	int result = bh_kubernetes_import_add(import, (const char *)data, size, "f", &err);

	if (result != 0 && strncmp(err.text, "f:", 2) != 0)
		fail("an error without a place", err.text);
	if (result == 0 && bh_kubernetes_import_objects(import) > 0)
		check_policy(bh_kubernetes_import_policy(import));
	bh_kubernetes_is_manifest((const char *)data, size);
	bh_kubernetes_import_free(import);
	return 0;
}
