/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates: of listeners, from files that somebody renews every few weeks; and of clients. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "grow.h"
#include "server_parts.h"

#define MOST_BYTES (1u << 20)

static int read_file(const char *path, char **out, struct bh_error *err)
{
	struct bh_buffer text = { 0 };
	char chunk[4096];
	size_t got;

	if (path == NULL)
		return 0;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return bh_error_set(
			err, -errno,
			"%s: %s; the daemon's user (users.core) has to be able to read it", path,
			strerror(errno));
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0 && text.length < MOST_BYTES)
		bh_buffer_append(&text, chunk, got);
	int failure = ferror(file) != 0 ? errno : 0;
	fclose(file);
	bh_buffer_append(&text, "", 0);
	if (failure != 0) {
		bh_buffer_free(&text);
		return bh_error_set(err, -failure, "%s: %s", path, strerror(failure));
	}
	*out = bh_buffer_steal(&text);
	return 0;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t) { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

/* libmicrohttpd would say nothing of it, and every handshake fail. */
static int check(const struct bh_api_listener *config, const struct tls_files *files,
		 struct bh_error *err)
{
	gnutls_datum_t certificate = datum(files->certificate), key = datum(files->key), ca;
	gnutls_certificate_credentials_t all;
	int result, trusted = 1;

	gnutls_certificate_allocate_credentials(&all);
	result = gnutls_certificate_set_x509_key_mem(all, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (files->client_ca != NULL) {
		ca = datum(files->client_ca);
		trusted = gnutls_certificate_set_x509_trust_mem(all, &ca, GNUTLS_X509_FMT_PEM);
	}
	gnutls_certificate_free_credentials(all);
	if (result < 0)
		return bh_error_set(err, -EINVAL,
				    "%s and %s are no certificate in PEM and its key: %s",
				    config->certificate, config->key, gnutls_strerror(result));
	if (trusted < 1)
		return bh_error_set(err, -EINVAL, "%s holds no certificate in PEM",
				    config->client_ca);
	return 0;
}

static void note_state(const struct bh_api_listener *config, char *out, size_t size)
{
	const char *paths[] = { config->certificate, config->key, config->client_ca };
	struct stat info;

	*out = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t used = strlen(out);

		if (paths[i] != NULL && stat(paths[i], &info) == 0)
			snprintf(out + used, size - used, "%ju:%jd:%jd.%09ld ",
				 (uintmax_t)info.st_ino, (intmax_t)info.st_size,
				 (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
	}
}

int bh_tls_read(const struct bh_api_listener *config, struct tls_files *out, struct bh_error *err)
{
	struct tls_files files = { 0 };

	if (config->certificate == NULL)
		return 0;
	note_state(config, files.state, sizeof(files.state));
	int result = read_file(config->certificate, &files.certificate, err);
	if (result == 0)
		result = read_file(config->key, &files.key, err);
	if (result == 0)
		result = read_file(config->client_ca, &files.client_ca, err);
	if (result == 0)
		result = check(config, &files, err);
	if (result != 0) {
		bh_tls_free(&files);
		return result;
	}
	bh_tls_free(out);
	*out = files;
	return 0;
}

bool bh_tls_changed(const struct bh_api_listener *config, const struct tls_files *files)
{
	char now[sizeof(files->state)];

	if (config->certificate == NULL)
		return false;
	note_state(config, now, sizeof(now));
	return strcmp(now, files->state) != 0;
}

void bh_tls_free(struct tls_files *files)
{
	free(files->certificate);
	if (files->key != NULL)
		explicit_bzero(files->key, strlen(files->key));
	free(files->key);
	free(files->client_ca);
	*files = (struct tls_files) { 0 };
}

/* --- clients ---------------------------------------------------------------------------------- */

static bool is_good(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned status = UINT_MAX;

	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

bool bh_tls_client(struct MHD_Connection *connection, char *name, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_session_t session = info != NULL ? info->tls_session : NULL;
	gnutls_x509_crt_t certificate;
	unsigned count = 0;

	const gnutls_datum_t *chain =
		session != NULL ? gnutls_certificate_get_peers(session, &count) : NULL;
	if (count == 0 || !is_good(session) || gnutls_x509_crt_init(&certificate) != 0)
		return false;
	bool read = gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
		    gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
						  name, &size) == 0;
	gnutls_x509_crt_deinit(certificate);
	return read;
}
