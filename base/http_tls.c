#include "base/http_tls.h"

#include "base/log.h"
#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t LOOK_EVERY_MS = 1000;

// What tells one content of a file from the next, also where a link is swapped.
struct file_mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

struct http_tls_files {
    char *cert_file;
    char *key_file;
    const struct clock *clock;
    SSL_CTX *context;
    struct file_mark cert_mark;
    struct file_mark key_mark;
    int64_t looked_ms;
};

static struct file_mark mark_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return (struct file_mark){0};
    return (struct file_mark){.device = info.st_dev,
                              .inode = info.st_ino,
                              .size = info.st_size,
                              .modified = info.st_mtim};
}

static bool same_mark(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

// Only HTTP/1.1 is spoken; a client that names protocols without it is told so in the handshake.
static int choose_protocol(SSL *session, const unsigned char **ret_name, unsigned char *ret_size,
                           const unsigned char *offered, unsigned int size, void *arg)
{
    (void)session;
    (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_size, ours, sizeof ours - 1, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static const char *library_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    return reason != NULL ? reason : "unknown reason";
}

static int load_pair(SSL_CTX *context, const struct http_tls_files *files, struct error *err)
{
    ERR_clear_error();
    int result = 0;
    if (SSL_CTX_use_certificate_chain_file(context, files->cert_file) != 1)
        result = error_set(err, ERROR_INVALID,
                           "cannot use the certificate %s: %s; it must be PEM, the server's "
                           "certificate first",
                           files->cert_file, library_reason());
    else if (SSL_CTX_use_PrivateKey_file(context, files->key_file, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(context) != 1)
        result = error_set(err, ERROR_INVALID,
                           "cannot use the key %s: %s; it must be the PEM key of the first "
                           "certificate in %s, without a password",
                           files->key_file, library_reason(), files->cert_file);
    ERR_clear_error();
    return result;
}

// A key with a password is refused instead of asking on the terminal.
static int no_password(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int load(const struct http_tls_files *files, SSL_CTX **ret_context, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return error_set(err, ERROR_INTERNAL, "cannot set up TLS: %s", library_reason());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (load_pair(context, files, err) < 0) {
        SSL_CTX_free(context);
        return -1;
    }
    *ret_context = context;
    return 0;
}

int http_tls_files_new(const char *cert_file, const char *key_file, const struct clock *clock,
                       struct http_tls_files **ret_files, struct error *err)
{
    struct http_tls_files *files = xcalloc(1, sizeof *files);
    files->cert_file = xstrdup(cert_file);
    files->key_file = xstrdup(key_file);
    files->clock = clock;
    files->looked_ms = clock_mono_ms(clock);
    files->cert_mark = mark_of(cert_file);
    files->key_mark = mark_of(key_file);
    if (load(files, &files->context, err) < 0) {
        http_tls_files_free(files);
        return -1;
    }
    *ret_files = files;
    return 0;
}

void http_tls_files_free(struct http_tls_files *files)
{
    if (files == NULL)
        return;
    SSL_CTX_free(files->context);
    free(files->cert_file);
    free(files->key_file);
    free(files);
}

static void reload_if_changed(struct http_tls_files *files)
{
    int64_t now = clock_mono_ms(files->clock);
    if (now - files->looked_ms < LOOK_EVERY_MS)
        return;
    files->looked_ms = now;
    struct file_mark cert_mark = mark_of(files->cert_file);
    struct file_mark key_mark = mark_of(files->key_file);
    if (same_mark(&cert_mark, &files->cert_mark) && same_mark(&key_mark, &files->key_mark))
        return;
    // Marked before the attempt, so that a bad pair is reported once and not at every connection.
    files->cert_mark = cert_mark;
    files->key_mark = key_mark;
    cleanup_error struct error err = {0};
    SSL_CTX *context = NULL;
    if (load(files, &context, &err) < 0) {
        log_warn("the changed TLS certificate does not work; the one before stays in use", "error",
                 error_message(&err));
        return;
    }
    SSL_CTX_free(files->context);
    files->context = context;
}

int http_tls_files_accept(struct http_tls_files *files, SSL **ret_session, struct error *err)
{
    reload_if_changed(files);
    SSL *session = SSL_new(files->context);
    if (session == NULL) {
        error_set(err, ERROR_INTERNAL, "cannot start TLS on a connection: %s", library_reason());
        ERR_clear_error();
        return -1;
    }
    *ret_session = session;
    return 0;
}
