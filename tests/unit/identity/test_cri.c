/* SPDX-License-Identifier: GPL-2.0-or-later */
/* containerd and CRI-O, by bundles and CNI's results, in whatever order they come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "address.h"
#include "runtime_fixture.h"

#define POD "5555555555555555555555555555555555555555555555555555555555555555"
#define APP "6666666666666666666666666666666666666666666666666666666666666666"
#define BUNDLES "/run/containerd/io.containerd.runtime.v2.task/"
#define CRIO "/run/containers/storage/overlay-containers/"
#define RESULT "/var/lib/cni/results/pods-" POD "-eth0"

static const char sandbox[] =
	"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
	"\"io.kubernetes.cri.sandbox-id\":\"" POD "\",\"io.kubernetes.cri.sandbox-name\":\"web-0\","
	"\"io.kubernetes.cri.sandbox-namespace\":\"shop\",\"io.kubernetes.cri.sandbox-uid\":\"u-"
	"1\"},"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":"
	"\"/var/run/netns/cni-1\"}]}}";

static const char app[] =
	"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
	"\"io.kubernetes.cri.container-name\":\"httpd\",\"io.kubernetes.cri.image-name\":\"shop:"
	"1\","
	"\"io.kubernetes.cri.sandbox-id\":\"" POD "\",\"io.kubernetes.cri.sandbox-name\":\"web-0\","
	"\"io.kubernetes.cri.sandbox-namespace\":\"shop\"},"
	"\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/7/ns/net\"}]}}";

static const char result[] =
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"" POD "\",\"ifName\":\"eth0\","
	"\"networkName\":\"pods\",\"cniArgs\":[[\"K8S_POD_NAMESPACE\",\"shop\"],"
	"[\"K8S_POD_NAME\",\"web-0\"],[\"IgnoreUnknown\"],7],\"result\":{\"interfaces\":["
	"{\"mac\":\"0a:00:00:00:00:01\",\"name\":\"cni0\"},"
	"{\"mac\":\"0a:00:00:00:00:02\",\"name\":\"veth1\"},"
	"{\"mac\":\"0a:00:00:00:00:03\",\"name\":\"eth0\",\"sandbox\":\"/var/run/netns/cni-1\"}],"
	"\"ips\":[{\"address\":\"10.99.0.2/24\",\"interface\":2},{\"address\":\"fd99::2/64\","
	"\"interface\":2},{\"address\":\"10.1.1.1/24\",\"interface\":0}]}}";

static void assert_net(const struct bh_container *c)
{
	struct bh_addr addr;
	struct bh_mac mac;

	assert_int_equal(c->net_count, 1);
	assert_string_equal(c->nets[0].name, "pods");
	assert_true(bh_mac_parse("0a:00:00:00:00:03", &mac));
	assert_memory_equal(&c->nets[0].mac, &mac, sizeof(mac));
	assert_true(bh_addr_parse("10.99.0.2", &addr));
	assert_true(bh_addr_equal(&c->nets[0].addr4, &addr));
	assert_true(bh_addr_parse("fd99::2", &addr));
	assert_true(bh_addr_equal(&c->nets[0].addr6, &addr));
}

/* CNI's result comes first, then the bundle: from the first on it is known whose address that is.
 */
static void test_pod(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_cri_ops);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 0);
	assert_int_equal(h.state, BH_RUNTIME_ABSENT);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 2);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	runtime_tell(&h, BH_FILE_IS, RESULT, result, 0);
	const struct bh_container *c = runtime_stated(&h, POD);
	assert_non_null(c);
	assert_string_equal(c->pod, "shop/web-0");
	assert_string_equal(bh_container_label(c, "io.kubernetes.pod.name"), "web-0");
	assert_string_equal(bh_container_label(c, "io.kubernetes.pod.namespace"), "shop");
	assert_net(c);
	assert_false(c->running); /* the file may be older than the machine's last start */
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" POD "/config.json", sandbox, 0);
	c = runtime_stated(&h, POD);
	assert_true(c->running);
	assert_string_equal(c->name, "shop/web-0");
	assert_string_equal(c->netns_path, "/var/run/netns/cni-1");
	assert_string_equal(bh_container_label(c, "io.kubernetes.pod.uid"), "u-1");
	assert_net(c);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" APP "/config.json", app, 0);
	c = runtime_stated(&h, APP);
	assert_string_equal(c->name, "shop/web-0/httpd");
	assert_string_equal(c->network_mode, "container:" POD);
	assert_string_equal(c->image, "shop:1");
	assert_string_equal(c->pod, "");
	assert_string_equal(c->netns_path, "");
	/* The same again is no news. */
	int before = h.stated;
	runtime_tell(&h, BH_FILE_IS, RESULT, result, 0);
	assert_int_equal(h.stated, before);
	/* Folders go with what is in them; the other file's word still holds. */
	runtime_tell(&h, BH_FILE_GONE, BUNDLES "k8s.io/" APP, NULL, 0);
	assert_null(runtime_stated(&h, APP));
	runtime_tell(&h, BH_FILE_GONE, BUNDLES "k8s.io/" POD, NULL, 0);
	assert_false(runtime_stated(&h, POD)->running);
	runtime_tell(&h, BH_FILE_GONE, RESULT, NULL, 0);
	assert_null(runtime_stated(&h, POD));
	runtime_stop(&h);
}

static void test_host_network(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_cri_ops);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" POD "/config.json",
		     "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
		     "\"io.kubernetes.cri.sandbox-name\":\"monitor\","
		     "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\"},"
		     "\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}",
		     0);
	assert_string_equal(runtime_stated(&h, POD)->network_mode, "host");
	runtime_stop(&h);
}

/* CRI-O's annotations, and the pod's labels among them; Podman keeps its own beside. */
static void test_crio(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_cri_ops);
	runtime_tell(&h, BH_FILE_IS, CRIO POD "/userdata/config.json",
		     "{\"annotations\":{\"io.container.manager\":\"cri-o\","
		     "\"io.kubernetes.cri-o.ContainerType\":\"sandbox\","
		     "\"io.kubernetes.cri-o.SandboxID\":\"" POD "\","
		     "\"io.kubernetes.pod.name\":\"api-7d9f-abcde\","
		     "\"io.kubernetes.pod.namespace\":\"shop\","
		     "\"io.kubernetes.cri-o.Labels\":\"{\\\"pod-template-hash\\\":\\\"7d9f\\\"}\"},"
		     "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/var/run/netns/"
		     "x\"}]}}",
		     0);
	const struct bh_container *c = runtime_stated(&h, POD);
	assert_string_equal(c->pod, "shop/api-7d9f-abcde");
	assert_string_equal(bh_container_label(c, "pod-template-hash"), "7d9f");
	runtime_tell(&h, BH_FILE_IS, CRIO APP "/userdata/config.json",
		     "{\"annotations\":{\"io.container.manager\":\"libpod\"},\"linux\":{}}", 0);
	assert_null(runtime_stated(&h, APP));
	runtime_stop(&h);
}

/* Without Kubernetes: ctr's and nerdctl's. Docker's bundles are its own back end's, Podman's
 * results likewise. */
static void test_others(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_cri_ops);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "default/demo/config.json",
		     "{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}}", 0);
	runtime_tell(
		&h, BH_FILE_IS, "/var/lib/cni/results/net-default-demo-eth0",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"default-demo\",\"networkName\":\"net\","
		"\"result\":{\"interfaces\":[{\"mac\":\"0a:00:00:00:00:03\",\"sandbox\":"
		"\"/proc/7/ns/net\"}],\"ips\":[{\"address\":\"10.4.0.2/24\"}]}}",
		0);
	const struct bh_container *c = runtime_stated(&h, "default-demo");
	assert_non_null(c);
	assert_string_equal(c->name, "demo");
	assert_int_equal(c->net_count, 1);
	assert_string_equal(c->netns_path, "");
	assert_true(c->running);
	runtime_tell(&h, BH_FILE_IS, "/var/lib/cni/results/net-default-" APP "-eth0",
		     "{\"kind\":\"cniCacheV1\",\"containerId\":\"default-" APP "\",\"result\":{}}",
		     0);
	assert_non_null(runtime_stated(&h, APP));
	int before = h.stated;
	runtime_tell(&h, BH_FILE_IS, BUNDLES "moby/" POD "/config.json", "{\"linux\":{}}", 0);
	runtime_tell(&h, BH_FILE_IS, "/var/lib/cni/results/podman-" POD "-eth0",
		     "{\"kind\":\"cniCacheV1\",\"containerId\":\"" POD "\",\"result\":{}}", 0);
	/* Half written, of another kind, or nonsense. */
	runtime_tell(&h, BH_FILE_IS, RESULT, "{\"kind\":\"cniCa", 0);
	runtime_tell(&h, BH_FILE_IS, RESULT, "[]", 0);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" POD "/config.json", "7", 0);
	assert_int_equal(h.stated, before);
	runtime_stop(&h);
}

/* The stream broke, and something went meanwhile: what is not told again is gone, once all was. */
static void test_stream_breaks(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_cri_ops);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" POD "/config.json", sandbox, 0);
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" APP "/config.json", app, 0);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 1);
	uint32_t first = h.asked[BH_QUERY_FILES];
	bh_cri_ops.end(h.back_end, first, -1, 2);
	bh_cri_ops.tick(h.back_end, 1000000);
	bh_cri_ops.tick(h.back_end, 3000000);
	assert_int_not_equal(h.asked[BH_QUERY_FILES], first);
	assert_non_null(runtime_stated(&h, APP));
	runtime_tell(&h, BH_FILE_IS, BUNDLES "k8s.io/" POD "/config.json", sandbox, 0);
	assert_non_null(runtime_stated(&h, APP));
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 1);
	assert_null(runtime_stated(&h, APP));
	assert_non_null(runtime_stated(&h, POD));
	/* The same where the kernel process missed something. */
	runtime_tell(&h, BH_FILES_AGAIN, "", NULL, 0);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 1);
	assert_null(runtime_stated(&h, POD));
	runtime_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pod),	      cmocka_unit_test(test_host_network),
		cmocka_unit_test(test_crio),	      cmocka_unit_test(test_others),
		cmocka_unit_test(test_stream_breaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
