/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "grow.h"
#include "map.h"
#include "processes.h"
#include "rtnl.h"

/* A namespace as the scan puts it together. */
struct candidate {
	struct bh_netns_fact fact;
	uint64_t oldest;       /* start time of the oldest process in a container's cgroup … */
	uint64_t oldest_other; /* … and of the oldest one in none */
	bool settled;	       /* by the process that it was known by before */
	bool carried;	       /* likewise, but a container's process may still come to it */
};

struct scan {
	const char *proc;
	int rtnl;
	uint64_t own;
	uint64_t device; /* of the files that stand for namespaces */
	const struct bh_map *numbers;
	struct bh_map *candidates; /* by inode */
	struct bh_cgroup_home home;
};

/* Opens a namespace's file; false where it is none, or our own. */
static bool open_netns(const char *path, const struct scan *s, int *fd, uint64_t *inode)
{
	struct statfs kind;
	struct stat info;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return false;
	/* Docker leaves names of dead namespaces as plain files for a while. */
	if (fstatfs(*fd, &kind) == 0 && kind.f_type == NSFS_MAGIC && fstat(*fd, &info) == 0 &&
	    info.st_ino != s->own) {
		*inode = info.st_ino;
		return true;
	}
	close(*fd);
	return false;
}

static bool has_number(const struct scan *s, uint64_t inode)
{
	return s->numbers != NULL && bh_map_get(s->numbers, &inode, sizeof(inode)) != NULL;
}

/* Whether the process is in the namespace now. */
static bool is_in(const struct scan *s, const struct bh_process *p, uint64_t inode)
{
	uint64_t linked;

	return bh_process_netns(s->proc, p->text, &linked) && linked == inode;
}

static struct candidate *add_candidate(struct scan *s, uint64_t inode, int32_t nsid)
{
	struct candidate *c = bh_calloc(1, sizeof(*c));

	c->fact.inode = inode;
	c->fact.nsid = nsid;
	c->oldest = c->oldest_other = UINT64_MAX;
	bh_map_put(s->candidates, &inode, sizeof(inode), c);
	return c;
}

/* One whose inode was met before, or whose number is known. */
static struct candidate *known_candidate(struct scan *s, uint64_t inode)
{
	struct candidate *c = bh_map_get(s->candidates, &inode, sizeof(inode));
	const int32_t *number = c == NULL && s->numbers != NULL
					? bh_map_get(s->numbers, &inode, sizeof(inode))
					: NULL;

	return number != NULL ? add_candidate(s, inode, *number) : c;
}

/* NULL: there is none behind that path, or our own. */
static struct candidate *candidate_at(struct scan *s, const char *path)
{
	struct candidate *c;
	struct stat info;
	uint64_t inode;
	int fd;

	if (stat(path, &info) == 0 && info.st_dev == s->device &&
	    (c = known_candidate(s, info.st_ino)) != NULL)
		return c;
	if (!open_netns(path, s, &fd, &inode))
		return NULL;
	c = known_candidate(s, inode);
	if (c == NULL)
		c = add_candidate(s, inode, bh_rtnl_nsid_of(s->rtnl, fd));
	close(fd);
	return c;
}

/* skip: which names not to look at; NULL: none. */
static void scan_directory(struct scan *s, const char *directory,
			   bool (*skip)(void *user, const char *path), void *user)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	char path[BH_NETNS_NAME + 256];

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] == '.' || (skip != NULL && skip(user, path)))
			continue;
		struct candidate *c = candidate_at(s, path);
		/* The first directory's name stands: `ip netns` before a runtime's own. */
		if (c != NULL && c->fact.name[0] == '\0')
			bh_copy_text(c->fact.name, sizeof(c->fact.name), path);
	}
	closedir(dir);
}

#define STAT_PARENT 4
#define STAT_START 22

/* What a file of a process's holds, up to its first NUL; "": it is gone. */
static void read_of(const struct scan *s, const char *pid, const char *name, char text[1024])
{
	char path[300];
	size_t length = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", s->proc, pid, name);
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		length = fread(text, 1, 1023, file);
		fclose(file);
	}
	text[length] = '\0';
}

/* A field of /proc/PID/stat (proc_pid_stat(5)), counted from behind the name, which may hold
 * anything. */
static uint64_t stat_field(const struct scan *s, const char *pid, int wanted, uint64_t otherwise)
{
	char text[1024];

	read_of(s, pid, "stat", text);
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoull(at, NULL, 10) : otherwise;
}

static bool is_numbered(const char *id, const char *name)
{
	size_t length = strlen(name);

	return strncmp(id, name, length) == 0 && id[length] == '-' && id[length + 1] != '\0' &&
	       strspn(id + length + 1, "0123456789") == strlen(id + length + 1);
}

/* Where LXC finds a cgroup of a container's name it appends a number to it, which may be another
 * container's name. The monitor, a container's first process's parent, says which it is:
 * "[lxc monitor] /var/lib/lxc web". */
static void take_monitors_word(const struct scan *s, const char *pid, struct bh_cgroup *cgroup)
{
	static const char title[] = "[lxc monitor] ";
	char parent[24], text[1024];

	if (cgroup->runtime != BH_RUNTIME_LXC)
		return;
	snprintf(parent, sizeof(parent), "%" PRIu64, stat_field(s, pid, STAT_PARENT, 0));
	read_of(s, parent, "cmdline", text);
	const char *name = strrchr(text, ' ');
	if (strncmp(text, title, sizeof(title) - 1) != 0 || name == NULL ||
	    !is_numbered(cgroup->id, name + 1))
		return;
	memset(cgroup->id, 0, sizeof(cgroup->id));
	memcpy(cgroup->id, name + 1, strlen(name + 1)); /* which is shorter */
}

/* A process's namespace of that kind, as "user:[4026531837]"; "": it is gone. */
static void namespace_of(const struct scan *s, const char *pid, const char *kind, char text[64])
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s/ns/%s", s->proc, pid, kind);
	ssize_t length = readlink(path, text, 63);
	text[length > 0 ? length : 0] = '\0';
}

/* Whether a file of a process's /proc/PID/net has a line, the first `skip` left out, that does not
 * hold `but`. */
static bool net_has_line(const struct scan *s, const char *pid, const char *file, int skip,
			 const char *but)
{
	char path[300], line[256];
	bool found = false;

	snprintf(path, sizeof(path), "%s/%s/net/%s", s->proc, pid, file);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = skip-- <= 0 && strstr(line, but) == NULL;
	fclose(f);
	return found;
}

/* Whether a user made the namespace for a container: it has users of its own, and a way out, by
 * IPv4 or by IPv6. A browser's sandbox has the first alone. */
static bool is_of_user(const struct scan *s, const char *pid)
{
	char users[64], own[64];

	namespace_of(s, pid, "user", users);
	namespace_of(s, "self", "user", own);
	return users[0] != '\0' && strcmp(users, own) != 0 &&
	       (net_has_line(s, pid, "route", 1, "lo\t") ||
		net_has_line(s, pid, "if_inet6", 0, " lo\n"));
}

/* Facts are compared as a whole: no byte behind a text's end may differ. */
static void take_cgroup(struct bh_netns_fact *fact, const struct bh_cgroup *cgroup)
{
	fact->runtime = cgroup->runtime;
	memcpy(fact->container_id, cgroup->id, sizeof(fact->container_id));
	fact->inner_runtime = cgroup->inner_runtime;
	memcpy(fact->inner, cgroup->inner, sizeof(fact->inner));
}

/* Where several containers share a namespace, the one that was there first is whose it is. */
static void add_process(struct scan *s, struct candidate *c, struct bh_process *p)
{
	uint64_t start = stat_field(s, p->text, STAT_START, UINT64_MAX - 1);
	struct bh_cgroup cgroup;

	p->contained = bh_cgroup_of_process(s->proc, p->text, &s->home, &cgroup);
	if (p->contained) {
		if (start >= c->oldest)
			return;
		c->oldest = start;
		take_monitors_word(s, p->text, &cgroup);
		take_cgroup(&c->fact, &cgroup);
		c->fact.pid = p->pid;
		c->fact.of_user = is_of_user(s, p->text);
	} else if (c->oldest == UINT64_MAX && start < c->oldest_other) {
		c->oldest_other = start;
		c->fact.pid = p->pid;
		c->fact.of_user = c->fact.name[0] == '\0' && is_of_user(s, p->text);
	}
}

/* What was found of a process that has not been read since is in the fact already. */
static void scan_process(struct scan *s, struct bh_process *p)
{
	struct candidate *c = bh_map_get(s->candidates, &p->netns, sizeof(p->netns));
	char path[300];

	if (c != NULL && (c->settled || (c->carried && !p->read)))
		return;
	/* What is remembered does not decide whose a namespace is. */
	if (!p->read && !is_in(s, p, p->netns))
		return;
	snprintf(path, sizeof(path), "%s/%s/ns/net", s->proc, p->text);
	c = known_candidate(s, p->netns);
	if (c == NULL)
		c = candidate_at(s, path);
	if (c != NULL)
		add_process(s, c, p);
}

/* Whether the process is in the container that the namespace is known as. */
static bool confirms(const struct scan *s, struct bh_process *p, const struct bh_netns_fact *known)
{
	struct bh_cgroup cgroup;

	p->contained = is_in(s, p, known->inode) &&
		       bh_cgroup_of_process(s->proc, p->text, &s->home, &cgroup);
	if (p->contained)
		take_monitors_word(s, p->text, &cgroup);
	return p->contained && cgroup.runtime == known->runtime &&
	       strcmp(cgroup.id, known->container_id) == 0 &&
	       strcmp(cgroup.inner, known->inner) == 0;
}

/* The oldest process of a container stays the oldest as long as it is there. Where there is no
 * container one may come, with processes that were not there before. Nothing is read where the
 * process is the one that was looked at before, and the namespace is, by its number, the one that
 * it was in then. */
static void settle_by_known(struct scan *s, const struct bh_processes *processes,
			    const struct bh_netns_fact *known)
{
	struct bh_process *p = bh_processes_get(processes, known->pid);
	bool contained = known->container_id[0] != '\0';
	char path[300];

	if (p == NULL || p->netns != known->inode)
		return;
	bool same = !p->read && p->contained == contained && has_number(s, known->inode);
	if (!same && (!contained || !confirms(s, p, known)))
		return;
	snprintf(path, sizeof(path), "%s/%s/ns/net", s->proc, p->text);
	struct candidate *c = known_candidate(s, known->inode);
	if (c == NULL && (c = candidate_at(s, path)) == NULL)
		return;
	c->settled = contained;
	c->carried = !contained;
	c->oldest_other = 0;
	c->fact.runtime = known->runtime;
	c->fact.pid = known->pid;
	c->fact.of_user = known->of_user;
	memcpy(c->fact.container_id, known->container_id, sizeof(c->fact.container_id));
	c->fact.inner_runtime = known->inner_runtime;
	memcpy(c->fact.inner, known->inner, sizeof(c->fact.inner));
}

static void scan_processes(struct scan *s, const struct bh_netns_look *look)
{
	const struct bh_netns_fact *fact;
	struct bh_process *p;

	bh_processes_look(look->processes, s->proc, s->own, look->now, look->whole);
	for (size_t at = 0; look->known != NULL && (fact = bh_map_next(look->known, &at)) != NULL;)
		settle_by_known(s, look->processes, fact);
	for (size_t at = 0; (p = bh_processes_next(look->processes, &at)) != NULL;)
		scan_process(s, p);
}

static void begin(struct scan *s, const char *proc, int rtnl, const struct bh_map *numbers)
{
	struct stat own;
	char path[300];

	*s = (struct scan) {
		.proc = proc, .rtnl = rtnl, .numbers = numbers, .candidates = bh_map_new(free)
	};
	snprintf(path, sizeof(path), "%s/self/ns/net", proc);
	if (stat(path, &own) == 0) {
		s->own = own.st_ino;
		s->device = own.st_dev;
	}
}

static void end(struct scan *s, void (*found)(void *user, const struct bh_netns_fact *fact),
		void *user)
{
	const struct candidate *c;

	for (size_t position = 0; (c = bh_map_next(s->candidates, &position)) != NULL;)
		found(user, &c->fact);
	bh_map_free(s->candidates);
}

void bh_netns_scan(const struct bh_netns_look *look,
		   void (*found)(void *user, const struct bh_netns_fact *fact), void *user)
{
	struct scan s;

	begin(&s, look->proc, look->rtnl, look->numbers);
	for (const char *const *directory = look->directories; *directory != NULL; directory++)
		scan_directory(&s, *directory, NULL, NULL);
	bh_cgroup_home_read(look->proc, &s.home);
	scan_processes(&s, look);
	end(&s, found, user);
}

void bh_netns_scan_names(const char *const *directories, const char *proc, int rtnl,
			 bool (*skip)(void *user, const char *path),
			 void (*found)(void *user, const struct bh_netns_fact *fact), void *user)
{
	struct scan s;

	begin(&s, proc, rtnl, NULL);
	for (; *directories != NULL; directories++)
		scan_directory(&s, *directories, skip, user);
	end(&s, found, user);
}

bool bh_netns_of(const char *proc, int32_t pid, int rtnl, uint64_t *inode, int32_t *nsid)
{
	const struct scan s = { .proc = proc };
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/ns/net", proc, pid);
	if (!open_netns(path, &s, &fd, inode))
		return false;
	*nsid = bh_rtnl_nsid_of(rtnl, fd);
	close(fd);
	return true;
}

bool bh_netns_holds(const char *proc, int32_t pid, uint64_t inode)
{
	char text[12];
	uint64_t linked;

	snprintf(text, sizeof(text), "%" PRId32, pid);
	return bh_process_netns(proc, text, &linked) && linked == inode;
}
