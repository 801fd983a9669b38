// URLs on libcurl's URL API. What curl accepts and others read differently is refused before curl
// sees it: a scheme without "://", white space, raw bytes outside ASCII, a fragment.
#include "base/url.h"

#include "base/memory.h"

#include <curl/curl.h>

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Presigned blob URLs have about 2 KiB; servers refuse far less than this.
enum { URL_MAX_BYTES = 16 * 1024 };

static void cleanup_curlu(CURLU **handle)
{
    curl_url_cleanup(*handle);
}
#define cleanup_url_handle __attribute__((cleanup(cleanup_curlu)))

static CURLU *url_handle_new(void)
{
    CURLU *handle = curl_url();
    if (handle == NULL)
        abort();
    return handle;
}

static const struct {
    const char *scheme;
    int port;
} default_ports[] = {{"https", 443}, {"http", 80}, {"ssh", 22}, {"git", 9418}};

static int default_port(const char *scheme)
{
    for (size_t i = 0; i < ARRAY_LENGTH(default_ports); i++) {
        if (strcmp(default_ports[i].scheme, scheme) == 0)
            return default_ports[i].port;
    }
    return 0;
}

static bool needs_host(const char *scheme)
{
    return default_port(scheme) != 0 || strcmp(scheme, "oci") == 0;
}

// What is after "://", or NULL when text does not start with a scheme.
static const char *after_scheme(const char *text)
{
    if (!isalpha((unsigned char)*text))
        return NULL;
    const char *at = text;
    while (isalnum((unsigned char)*at) || *at == '+' || *at == '-' || *at == '.')
        at++;
    return strncmp(at, "://", 3) == 0 ? at + 3 : NULL;
}

static int check_characters(const char *text, struct error *err)
{
    size_t length = strnlen(text, URL_MAX_BYTES + 1);
    if (length > URL_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "a URL may have at most %d bytes", URL_MAX_BYTES);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte <= ' ' || byte == 0x7f)
            return error_set(err, ERROR_INVALID,
                             "a URL may hold no white space or control character: write %%%02X",
                             byte);
        if (byte > 0x7f)
            return error_set(err, ERROR_INVALID,
                             "a URL may hold ASCII only: percent-encode the path and write the "
                             "host in its xn-- form");
        if (byte == '#')
            return error_set(err, ERROR_INVALID,
                             "a URL may have no fragment: remove \"#\" and "
                             "what follows it, or write %%23");
        if (byte == '\\')
            return error_set(err, ERROR_INVALID, "a URL may hold no backslash: write / or %%5C");
    }
    return 0;
}

// A part as an owned string of ours; NULL when the URL does not have it.
static int get_part(CURLU *handle, CURLUPart part, unsigned flags, char **ret_text,
                    struct error *err)
{
    static const CURLUcode absent[] = {CURLUE_NO_SCHEME,  CURLUE_NO_USER, CURLUE_NO_PASSWORD,
                                       CURLUE_NO_OPTIONS, CURLUE_NO_HOST, CURLUE_NO_PORT,
                                       CURLUE_NO_QUERY};
    char *text = NULL;
    CURLUcode code = curl_url_get(handle, part, &text, flags);
    if (code == CURLUE_OK) {
        *ret_text = xstrdup(text);
        curl_free(text);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(absent); i++) {
        if (code == absent[i]) {
            *ret_text = NULL;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "the URL cannot be read: %s", curl_url_strerror(code));
}

static void lower(char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
}

static int get_port(CURLU *handle, const char *scheme, int *ret_port, struct error *err)
{
    cleanup_free char *text = NULL;
    if (get_part(handle, CURLUPART_PORT, 0, &text, err) < 0)
        return -1;
    int port = text != NULL ? (int)strtol(text, NULL, 10) : default_port(scheme);
    if (text != NULL && (port < 1 || port > 65535))
        return error_set(err, ERROR_INVALID, "the port of a URL must be between 1 and 65535");
    *ret_port = port;
    return 0;
}

static int set_url(CURLU *handle, const char *text, unsigned flags, struct error *err)
{
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, flags | CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OK)
        return 0;
    return error_set(err, ERROR_INVALID, "the URL cannot be read: %s", curl_url_strerror(code));
}

static int get_parts(CURLU *handle, struct url *url, struct error *err)
{
    if (get_part(handle, CURLUPART_USER, CURLU_URLDECODE, &url->user, err) < 0 ||
        get_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password, err) < 0 ||
        get_part(handle, CURLUPART_HOST, 0, &url->host, err) < 0 ||
        get_part(handle, CURLUPART_PATH, 0, &url->path, err) < 0 ||
        get_part(handle, CURLUPART_QUERY, 0, &url->query, err) < 0)
        return -1;
    if (url->path == NULL)
        url->path = xstrdup("/");
    if (url->host == NULL)
        url->host = xstrdup("");
    lower(url->host);
    return get_port(handle, url->scheme, &url->port, err);
}

int url_parse(const char *text, struct url *ret_url, struct error *err)
{
    if (check_characters(text, err) < 0)
        return -1;
    const char *rest = after_scheme(text);
    if (rest == NULL)
        return error_set(err, ERROR_INVALID,
                         "a URL must start with its scheme, for example https://");
    cleanup_url struct url url = {.scheme = xstrndup(text, (size_t)(rest - text) - 3)};
    lower(url.scheme);
    bool has_host = *rest != '\0' && *rest != '/' && *rest != '?';
    if (!has_host && needs_host(url.scheme))
        return error_set(err, ERROR_INVALID, "the URL names no host after %s://", url.scheme);
    // Of a scheme that it does not know, curl takes the first folder after /// for a host.
    cleanup_free char *as_file = has_host ? NULL : xasprintf("file://%s", rest);
    cleanup_url_handle CURLU *handle = url_handle_new();
    if (set_url(handle, as_file != NULL ? as_file : text, 0, err) < 0 ||
        get_parts(handle, &url, err) < 0)
        return -1;
    *ret_url = url;
    url = (struct url){0};
    return 0;
}

void url_release(struct url *url)
{
    free(url->scheme);
    free(url->user);
    secret_free(url->password);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct url){0};
}

bool url_host_is_local(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i], host) == 0)
            return true;
    return false;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

char *url_without_credentials(const char *text)
{
    cleanup_url struct url url = {0};
    if (url_parse(text, &url, NULL) < 0)
        return xstrdup("");
    const char *authority = after_scheme(text);
    size_t length = strcspn(authority, "/?");
    // Cut at the last '@', whichever one a parser stops at.
    const char *at = memrchr(authority, '@', length);
    if (at == NULL)
        return xstrdup(text);
    return xasprintf("%.*s%s", (int)(authority - text), text, at + 1);
}

int url_resolve(const char *base, const char *reference, char **ret_url, struct error *err)
{
    if (strnlen(reference, URL_MAX_BYTES + 1) > URL_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "a URL may have at most %d bytes", URL_MAX_BYTES);
    cleanup_url_handle CURLU *handle = url_handle_new();
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, base, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK)
        return error_set(err, ERROR_INVALID, "the URL cannot be read: %s", curl_url_strerror(code));
    // Servers do send raw spaces and UTF-8 in Location.
    code =
        curl_url_set(handle, CURLUPART_URL, reference, CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE);
    if (code == CURLUE_OK)
        code = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    char *text = NULL;
    if (code == CURLUE_OK)
        code = curl_url_get(handle, CURLUPART_URL, &text, 0);
    if (code != CURLUE_OK)
        return error_set(err, ERROR_INVALID, "the reference to another URL cannot be read: %s",
                         curl_url_strerror(code));
    cleanup_free char *resolved = xstrdup(text);
    curl_free(text);
    cleanup_url struct url check = {0};
    if (url_parse(resolved, &check, err) < 0)
        return error_wrap(err, "the reference to another URL");
    *ret_url = STEAL(resolved);
    return 0;
}

char *url_escape(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t length = strlen(text);
    char *escaped = xmalloc(3 * length + 1);
    char *to = escaped;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte) != NULL)) {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    *to = '\0';
    return escaped;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int decode(const char *text, size_t size, char plus, const char *what, char **ret_text,
                  size_t *ret_size, struct error *err)
{
    cleanup_free char *decoded = xmalloc(size + 1);
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        char byte = text[i] == '+' ? plus : text[i];
        if (byte == '%') {
            int high = size - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0)
                return error_set(err, ERROR_INVALID,
                                 "byte %zu of %s: %% needs two hexadecimal digits", i, what);
            byte = (char)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return error_set(err, ERROR_INVALID, "%s holds a NUL byte", what);
        decoded[length++] = byte;
    }
    decoded[length] = '\0';
    *ret_text = STEAL(decoded);
    *ret_size = length;
    return 0;
}

int url_unescape(const char *text, char **ret_text, struct error *err)
{
    size_t size = 0;
    return decode(text, strlen(text), '+', "the path", ret_text, &size, err);
}

int url_form_decode(const char *text, size_t size, char **ret_text, size_t *ret_size,
                    struct error *err)
{
    return decode(text, size, ' ', "the form data", ret_text, ret_size, err);
}
