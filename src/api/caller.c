/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who calls, and what may he do. */
#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "grow.h"
#include "server_parts.h"

#define MOST_GROUPS 256

const char *bh_api_role_name(enum bh_api_role role)
{
	static const char *const names[] = { "none", "viewer", "operator" };

	return names[role];
}

const char *bh_api_via_name(enum bh_api_via via)
{
	static const char *const names[] = { "socket", "token", "certificate", "anonymous" };

	return names[via];
}

/* --- the socket's credentials ----------------------------------------------------------------- */

static bool is_in_group(const struct passwd *user, gid_t primary, gid_t group)
{
	gid_t groups[MOST_GROUPS];
	int count = MOST_GROUPS;

	if (primary == group)
		return true;
	if (user == NULL || getgrouplist(user->pw_name, primary, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool ask_socket(const struct bh_api *api, struct MHD_Connection *connection,
		       struct bh_api_request *request, struct bh_api_reply *reply)
{
	struct ucred caller;
	socklen_t size = sizeof(caller);

	if (getsockopt(bh_api_descriptor(connection), SOL_SOCKET, SO_PEERCRED, &caller, &size) !=
	    0) {
		bh_api_fail(reply, MHD_HTTP_FORBIDDEN, NULL, NULL,
			    "the caller cannot be identified");
		return false;
	}
	const struct passwd *user = getpwuid(caller.uid);
	request->via = BH_VIA_SOCKET;
	request->uid = caller.uid;
	request->operator_role =
		caller.uid == 0 || (api->config.operator_group != (gid_t)-1 &&
				    is_in_group(user, caller.gid, api->config.operator_group));
	if (user != NULL)
		bh_copy_text(request->author, sizeof(request->author), user->pw_name);
	else
		snprintf(request->author, sizeof(request->author), "uid %u", (unsigned)caller.uid);
	return true;
}

/* --- tokens and certificates ------------------------------------------------------------------ */

/* What stands behind "Bearer " (RFC 6750), or NULL. */
static const char *token_of(const struct bh_api_request *request)
{
	static const char scheme[] = "Bearer ";
	const char *header = bh_api_header(request, MHD_HTTP_HEADER_AUTHORIZATION);

	if (header == NULL || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	return header + sizeof(scheme) - 1;
}

static enum bh_api_role ask_token(const struct bh_api *api, const char *token,
				  struct bh_api_request *request)
{
	char name[BH_API_NAME] = "";
	enum bh_api_role role = api->config.token != NULL
					? api->config.token(api->user, token, name)
					: BH_ROLE_NONE;

	request->via = BH_VIA_TOKEN;
	snprintf(request->author, sizeof(request->author), "token %.100s", name);
	return role;
}

static enum bh_api_role ask_certificate(const struct listener *l, struct MHD_Connection *connection,
					struct bh_api_request *request)
{
	char name[100];

	if (l->tls.client_ca == NULL || l->api->config.certificate == NULL ||
	    !bh_tls_client(connection, name, sizeof(name)))
		return BH_ROLE_NONE;
	request->via = BH_VIA_CERTIFICATE;
	snprintf(request->author, sizeof(request->author), "certificate %s", name);
	return l->api->config.certificate(l->api->user, name);
}

/* A page of another site may have its name lead to this host (DNS rebinding), and be in the
 * browser's eyes where it came from. Its name then stands in Host: no token is in its hands, but
 * whoever asks for none must not be called by a name that anybody may give. */
static bool is_called_by_address(const struct bh_api_request *request)
{
	const char *host = bh_api_header(request, MHD_HTTP_HEADER_HOST);
	unsigned char address[sizeof(struct in6_addr)];
	char name[64];

	if (host == NULL)
		return true;
	const char *from = *host == '[' ? host + 1 : host;
	size_t length = strcspn(from, *host == '[' ? "]" : ":");
	if (length >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)length, from);
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
	       inet_pton(AF_INET6, name, address) == 1;
}

static enum bh_api_role ask_nothing(const struct listener *l, struct bh_api_request *request)
{
	request->via = BH_VIA_NOTHING;
	bh_copy_text(request->author, sizeof(request->author), "anonymous");
	return is_called_by_address(request) ? l->config.anonymous : BH_ROLE_NONE;
}

static bool refuse(struct bh_api_reply *reply, bool shown)
{
	bh_api_fail(reply, MHD_HTTP_UNAUTHORIZED, NULL,
		    "make one with: bulkhead token add NAME; a browser gets one by: bulkhead ui",
		    shown ? "the token is not known, or its time is over" : "a token is needed");
	return false;
}

bool bh_api_identify(const struct listener *l, struct MHD_Connection *connection,
		     struct bh_api_request *request, struct bh_api_reply *reply)
{
	enum bh_api_role role;

	request->uid = (uid_t)-1;
	if (l->config.trusts_peers)
		return ask_socket(l->api, connection, request, reply);
	const char *token = token_of(request);
	/* Who shows a token that is none is not somebody without. */
	role = token != NULL ? ask_token(l->api, token, request)
			     : ask_certificate(l, connection, request);
	if (role == BH_ROLE_NONE && token == NULL)
		role = ask_nothing(l, request);
	if (role == BH_ROLE_NONE)
		return refuse(reply, token != NULL);
	request->operator_role = role == BH_ROLE_OPERATOR;
	return true;
}
