/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file_stream.h"
#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"/b/k8s.io/1111111111111111111111111111111111111111111111111111111111111111/config.json",
	"/b/default/demo/config.json",
	"/c/2222222222222222222222222222222222222222222222222222222222222222/userdata/config.json",
	"/var/lib/cni/results/net-1-eth0",
	"/var/lib/lxc/web-1/config",
	"config.json",
	"/config.json",
	"/",
	"/s/overlay-images/3333333333333333333333333333333333333333333333333333333333333333/=c2hh",
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

static const struct bh_runtime_ops *const back_ends[] = { &bh_cri_ops, &bh_lxc_ops, &bh_nspawn_ops,
							  &bh_podman_ops };

static void tell(const struct bh_runtime_ops *ops, void *back_end, const char *path,
		 enum bh_file_news news, const uint8_t *bytes, size_t size)
{
	struct bh_file_head head = { news, (uint32_t)strlen(path), (uint32_t)size };

	ops->data(back_end, 1, &head, sizeof(head), 0);
	ops->data(back_end, 1, path, strlen(path), 0);
	if (news == BH_FILE_IS)
		ops->data(back_end, 1, bytes, size, 0);
}

/* The input is whose files they are, and a run of (which file, length, bytes). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	const struct bh_runtime_ops *ops = back_ends[size > 0 ? data[0] % 4 : 0];
	void *back_end = fuzz_start(&h, ops);

	if (size > 0) {
		data++;
		size--;
	}
	while (size >= 3) {
		const char *path = paths[data[0] % PATHS];
		enum bh_file_news news = data[0] / PATHS % 4 == 3 ? BH_FILE_GONE : BH_FILE_IS;
		size_t length = (size_t)(data[1] | data[2] << 8);

		data += 3;
		size -= 3;
		length = length < size ? length : size;
		tell(ops, back_end, path, news, data, length);
		data += length;
		size -= length;
	}
	fuzz_stop(&h, ops, back_end);
	return 0;
}
