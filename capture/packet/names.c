/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "grow.h"
#include "map.h"

#define KEPT_NAMES 4 /* of one address */

struct bh_name {
	unsigned holders; /* the entry, and flows */
	unsigned living;  /* flows that have not ended */
	int64_t since;
	int64_t until;
	char text[];
};

struct key {
	uint8_t bytes[sizeof(uint32_t) + 2 * sizeof(struct bh_addr)];
};

struct client;

/* An address as one client knows it. */
struct entry {
	struct key key;
	struct client *client;
	struct bh_name *kept[KEPT_NAMES]; /* the latest first */
	TAILQ_ENTRY(entry) of_all, of_client;
};
TAILQ_HEAD(entries, entry); /* the one to go first at the head */

struct client {
	struct bh_names_client who;
	struct entries entries;
	size_t count;
};

struct bh_names {
	size_t per_client, most;
	struct bh_map *by_key;	/* → struct entry */
	struct bh_map *clients; /* → struct client */
	struct entries entries;
};

static struct key key_of(const struct bh_names_client *client, const struct bh_addr *addr)
{
	struct key key;
	uint8_t *at = key.bytes;

	memcpy(at, &client->ifindex, sizeof(client->ifindex));
	at += sizeof(client->ifindex);
	memcpy(at, &client->addr, sizeof(client->addr));
	memcpy(at + sizeof(client->addr), addr, sizeof(*addr));
	return key;
}

/* A client is known by its own key: that of no address. */
static struct key client_key(const struct bh_names_client *client)
{
	static const struct bh_addr none;

	return key_of(client, &none);
}

/* --- one name --------------------------------------------------------------------------------- */

const char *bh_name_text(const struct bh_name *name)
{
	return name->text;
}

int64_t bh_name_since(const struct bh_name *name)
{
	return name->since;
}

void bh_name_use(struct bh_name *name)
{
	if (name == NULL)
		return;
	name->holders++;
	name->living++;
}

void bh_name_end(struct bh_name *name)
{
	if (name != NULL)
		name->living--;
}

void bh_name_release(struct bh_name *name)
{
	if (name != NULL && --name->holders == 0)
		free(name);
}

static struct bh_name *make_name(const struct bh_named *named)
{
	size_t size = strnlen(named->name, sizeof(named->name) - 1) + 1;
	struct bh_name *name = bh_calloc(1, sizeof(*name) + size);

	name->holders = 1;
	name->since = named->time;
	name->until = named->until;
	memcpy(name->text, named->name, size - 1);
	return name;
}

static bool lives(const struct bh_name *name, int64_t time)
{
	return time < name->until || name->living > 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct client *client_of(struct bh_names *names, const struct bh_names_client *who)
{
	struct key key = client_key(who);
	struct client *client = bh_map_get(names->clients, &key, sizeof(key));

	if (client != NULL)
		return client;
	client = bh_calloc(1, sizeof(*client));
	client->who = *who;
	TAILQ_INIT(&client->entries);
	bh_map_put(names->clients, &key, sizeof(key), client);
	return client;
}

/* The client goes with its last one. */
static void remove_entry(struct bh_names *names, struct entry *entry)
{
	struct client *client = entry->client;
	struct key key = client_key(&client->who);

	TAILQ_REMOVE(&names->entries, entry, of_all);
	TAILQ_REMOVE(&client->entries, entry, of_client);
	bh_map_remove(names->by_key, &entry->key, sizeof(entry->key));
	for (size_t i = 0; i < KEPT_NAMES; i++)
		bh_name_release(entry->kept[i]);
	free(entry);
	if (--client->count == 0)
		bh_map_remove(names->clients, &key, sizeof(key));
}

static void make_room(struct bh_names *names, const struct bh_names_client *who)
{
	struct key key = client_key(who);
	struct client *client = bh_map_get(names->clients, &key, sizeof(key));

	if (client != NULL && client->count >= names->per_client)
		remove_entry(names, TAILQ_FIRST(&client->entries));
	else if (bh_names_count(names) >= names->most)
		remove_entry(names, TAILQ_FIRST(&names->entries));
}

static struct entry *add_entry(struct bh_names *names, const struct bh_names_client *who,
			       const struct key *key)
{
	make_room(names, who);
	struct entry *entry = bh_calloc(1, sizeof(*entry));

	entry->key = *key;
	entry->client = client_of(names, who);
	entry->client->count++;
	TAILQ_INSERT_TAIL(&names->entries, entry, of_all);
	TAILQ_INSERT_TAIL(&entry->client->entries, entry, of_client);
	bh_map_put(names->by_key, &entry->key, sizeof(entry->key), entry);
	return entry;
}

static void move_to_end(struct bh_names *names, struct entry *entry)
{
	TAILQ_REMOVE(&names->entries, entry, of_all);
	TAILQ_INSERT_TAIL(&names->entries, entry, of_all);
	TAILQ_REMOVE(&entry->client->entries, entry, of_client);
	TAILQ_INSERT_TAIL(&entry->client->entries, entry, of_client);
}

/* --- the book --------------------------------------------------------------------------------- */

struct bh_names *bh_names_new(size_t per_client, size_t most)
{
	struct bh_names *names = bh_calloc(1, sizeof(*names));

	names->per_client = per_client;
	names->most = most;
	names->by_key = bh_map_new(NULL);
	names->clients = bh_map_new(free);
	TAILQ_INIT(&names->entries);
	return names;
}

void bh_names_free(struct bh_names *names)
{
	struct entry *entry;

	if (names == NULL)
		return;
	while ((entry = TAILQ_FIRST(&names->entries)) != NULL)
		remove_entry(names, entry);
	bh_map_free(names->by_key);
	bh_map_free(names->clients);
	free(names);
}

size_t bh_names_count(const struct bh_names *names)
{
	return bh_map_count(names->by_key);
}

bool bh_names_knows(const struct bh_names *names, const struct bh_names_client *who)
{
	struct key key = client_key(who);

	return bh_map_get(names->clients, &key, sizeof(key)) != NULL;
}

/* The same name again lives on; another takes the first place. */
static void note(struct entry *entry, const struct bh_named *named)
{
	struct bh_name *latest = entry->kept[0];

	if (latest != NULL && strcmp(latest->text, named->name) == 0 &&
	    lives(latest, named->time)) {
		if (named->until > latest->until)
			latest->until = named->until;
		/* The clock was set back: what comes now is before the first answer. */
		if (named->time < latest->since)
			latest->since = named->time;
		return;
	}
	bh_name_release(entry->kept[KEPT_NAMES - 1]);
	memmove(&entry->kept[1], &entry->kept[0], (KEPT_NAMES - 1) * sizeof(entry->kept[0]));
	entry->kept[0] = make_name(named);
}

void bh_names_add(struct bh_names *names, const struct bh_names_client *client,
		  const struct bh_named *named)
{
	struct key key = key_of(client, &named->addr);
	struct entry *entry = bh_map_get(names->by_key, &key, sizeof(key));

	if (entry == NULL)
		entry = add_entry(names, client, &key);
	else
		move_to_end(names, entry);
	note(entry, named);
}

struct bh_name *bh_names_find(struct bh_names *names, const struct bh_names_client *client,
			      const struct bh_addr *addr, int64_t time)
{
	if (TAILQ_EMPTY(&names->entries)) /* as most captures have it */
		return NULL;
	struct key key = key_of(client, addr);
	struct entry *entry = bh_map_get(names->by_key, &key, sizeof(key));
	if (entry == NULL)
		return NULL;
	move_to_end(names, entry);
	for (size_t i = 0; i < KEPT_NAMES && entry->kept[i] != NULL; i++)
		if (entry->kept[i]->since <= time)
			return lives(entry->kept[i], time) ? entry->kept[i] : NULL;
	return NULL;
}

void bh_names_drop(struct bh_names *names, const struct bh_names_client *who)
{
	struct key key = client_key(who);
	struct client *client;

	/* The last entry takes the client along. */
	while ((client = bh_map_get(names->clients, &key, sizeof(key))) != NULL)
		remove_entry(names, TAILQ_FIRST(&client->entries));
}
