/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The web interface's files. They are the same for everybody and say nothing of this host, so that
 * they need no token; what they may do in a browser is limited by their headers. */
#include <string.h>

#include "server_parts.h"

/* Nothing from elsewhere, nothing in line but styles (the map's library sets them), in nobody's
 * frame. */
#define POLICY                                                                                     \
	"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "       \
	"object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

static const struct bh_api_file *find(const struct bh_api *api, const char *path)
{
	if (api->config.files == NULL)
		return NULL;
	for (const struct bh_api_file *f = api->config.files; f->path != NULL; f++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

bool bh_api_file(const struct bh_api *api, struct MHD_Connection *connection,
		 const struct bh_api_request *request, enum MHD_Result *result)
{
	const struct bh_api_file *file = find(api, request->path);

	if (file == NULL || strcmp(request->method, MHD_HTTP_METHOD_GET) != 0)
		return false;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		file->size, (void *)(uintptr_t)file->data, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
				file->lasting ? "public, max-age=31536000, immutable" : "no-cache");
	MHD_add_response_header(response, "Content-Security-Policy", POLICY);
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	*result = bh_api_queue(connection, MHD_HTTP_OK, response, file->type);
	return true;
}
