# shellcheck shell=bash disable=SC2034 # used by those who source it
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by run and test: what bulkhead needs from Debian, and how it is installed.

# What is installed from Debian is what is used. Others of the same name may lack its modules, and a version manager's
# python3 takes ten times as long to start, which the tests do thousands of times.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

run_packages="libpcap0.8 libuv1 libmnl0 libnftnl11 libnetfilter-log1 libnetfilter-conntrack3
	libnl-3-200 libnl-route-3-200 libcjson1 libyaml-0-2 libsqlite3-0 libmicrohttpd12 libgnutls30
	libcurl3-gnutls libcap-ng0 libseccomp2 libxxhash0 libpsl5 libncursesw6 iproute2"
build_packages="gcc libc6-dev meson ninja-build pkg-config libpcap-dev libuv1-dev libmnl-dev
	libnftnl-dev libnetfilter-log-dev libnetfilter-conntrack-dev libnl-3-dev libnl-route-3-dev
	libcjson-dev libjsmn-dev libyaml-dev libsqlite3-dev libmicrohttpd-dev libgnutls28-dev libcurl4-gnutls-dev
	libcap-ng-dev libseccomp-dev libxxhash-dev libpsl-dev libncurses-dev libcmocka-dev"
test_packages="clang lld libclang-rt-14-dev llvm-14 clang-format codespell shellcheck nftables iptables ipset
	conntrack docker.io containerd containernetworking-plugins python3-grpcio lxc lxd dnsmasq-base systemd-container podman openssl slirp4netns uidmap catatonit netavark aardvark-dns runc busybox-static jq tcpdump python3 python3-yaml python3-jsonschema curl tshark man-db groff-base zsh util-linux procps dbus ufw tmux chromium
	nfdump pmacct libfixbuf-tools prometheus"

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "needs root: sudo $0${1:+ $*}"
}

# install_missing PACKAGE...: installs those that are not there; silent where nothing is missing.
install_missing() {
	local missing=() package
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok' ||
			missing+=("$package")
	done
	[ ${#missing[@]} = 0 ] && return
	echo "installing ${#missing[@]} packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq || die "apt-get update failed"
	# No service is to start because a package came along (Docker's engine among them).
	local policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		made=1
	fi
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	local result=$?
	[ -n "$made" ] && rm -f $policy
	[ $result = 0 ] || die "apt-get install failed: ${missing[*]}"
}

# install_idle PACKAGE SERVICE: what the tests start by themselves is not to come up with the machine.
install_idle() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok' && return
	install_missing "$1"
	! command -v systemctl >/dev/null || systemctl disable --quiet "$2" 2>/dev/null
}

# The web interface's tools: Debian's Node, unless another is there already, and what npm has of the lock file's.
# No package may run a script of its own. Without them there is all but the interface.
prepare_web() {
	command -v npm >/dev/null || install_missing nodejs npm
	[ ui/node_modules/.package-lock.json -nt ui/package-lock.json ] && return
	echo "installing what the web interface is built with"
	npm --prefix ui ci --ignore-scripts --no-audit --no-fund >/dev/null
}

# What tests have from npm: they run where nothing can be reached.
prepare_tests() {
	local folder
	for folder in tests/browser tests/receivers; do
		[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ] && continue
		npm --prefix $folder ci --ignore-scripts --no-audit --no-fund >/dev/null || return
	done
}

# The two unprivileged users, and the operators' group.
make_users() {
	getent group bulkhead >/dev/null || groupadd --system bulkhead
	getent passwd bulkhead >/dev/null ||
		useradd --system --no-create-home --home-dir /nonexistent \
			--shell /usr/sbin/nologin -g bulkhead bulkhead
	getent passwd bulkhead-capture >/dev/null ||
		useradd --system --no-create-home --home-dir /nonexistent --user-group \
			--shell /usr/sbin/nologin bulkhead-capture
}
