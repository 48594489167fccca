# shellcheck shell=bash disable=SC2154 # common.sh defines what is used here
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh by the tests with a real Podman, which keeps everything in the scratch folder and
# works inside the host namespace. It needs no service; start_service runs one.

needs podman runc

service_pid=
podman_options=(--root "$scratch/podman/root" --runroot "$scratch/podman/run" --tmpdir "$scratch/podman/tmp"
	--storage-driver vfs --network-config-dir "$scratch/podman/networks")

# Limits that this machine lets a container have, whatever its own are; runc, because crun refuses hybrid
# cgroups; events in a file, because there may be no journal.
configure_podman() {
	mkdir -p "$scratch/podman"
	cat >"$scratch/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		[network]
		network_backend = "netavark"
	END
	export CONTAINERS_CONF=$scratch/containers.conf
	at_end stop_podman
}

p() {
	nsenter --net="/run/netns/$host" podman "${podman_options[@]}" "$@" </dev/null
}

start_service() {
	nsenter --net="/run/netns/$host" podman "${podman_options[@]}" system service --time 0 \
		"unix://$scratch/podman.sock" >>"$scratch/service.log" 2>&1 &
	service_pid=$!
}

stop_service() {
	[ -z "$service_pid" ] || { kill "$service_pid" && wait "$service_pid"; } 2>/dev/null
	service_pid=
	rm -f "$scratch/podman.sock"
}

# Containers, what served their names, and mounts.
stop_podman() {
	stop_service
	p rm -fa -t 0 >/dev/null 2>&1
	p pod rm -fa >/dev/null 2>&1
	p rm -fa -t 0 >/dev/null 2>&1
	awk -v s="$scratch" 'index($2, s) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
}

# import_image: localhost/shop:1, of nothing but a shell and its tools, without a registry.
import_image() {
	make_root "$scratch/image"
	tar -C "$scratch/image" -c . >"$scratch/image.tar"
	p import "$scratch/image.tar" localhost/shop:1 >"$scratch/import" 2>&1 || fail "podman import: $(cat "$scratch/import")"
}
