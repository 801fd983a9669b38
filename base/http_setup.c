// One curl handle for one hop: everything that curl would do by itself and must not (follow
// redirects, keep cookies, read .netrc, expect 100) is off here.
#include "base/http_internal.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define USER_AGENT "sealift/" SEALIFT_VERSION

char *http_system_ca_file(void)
{
    const char *path = getenv("SSL_CERT_FILE");
    if (path == NULL || *path == '\0')
        path = getenv("CURL_CA_BUNDLE");
    return path != NULL && *path != '\0' ? xstrdup(path) : NULL;
}

static bool is_token(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("!#$%&'*+-.^_`|~", *at) == NULL)
            return false;
    }
    return *name != '\0';
}

static bool is_field_value(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

int http_setup_check_headers(const struct http_request *request, struct error *err)
{
    if (!is_token(request->method))
        return error_set(err, ERROR_INVALID, "the request's method is not a word of HTTP");
    if (request->authorization != NULL && !is_field_value(request->authorization))
        return error_set(err, ERROR_INVALID,
                         "the credentials hold a line break or another control character; is there "
                         "one at the end of the Secret or file?");
    if (request->headers == NULL)
        return 0;
    vec_foreach (struct http_header, header, request->headers) {
        if (!is_token(header->name) || strcasecmp(header->name, "Content-Length") == 0 ||
            strcasecmp(header->name, "Transfer-Encoding") == 0)
            return error_set(err, ERROR_INVALID, "\"%.64s\" cannot be a header of a request",
                             header->name);
        if (!is_field_value(header->value))
            return error_set(err, ERROR_INVALID,
                             "the value of the header %s holds a control character", header->name);
    }
    return 0;
}

static void append_line(struct http_transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL)
        abort();
    transfer->headers = longer;
}

static void append_header(struct http_transfer *transfer, const char *name, const char *value)
{
    // "Name:" removes a header of curl's; "Name;" sends it empty.
    cleanup_secret char *line =
        *value != '\0' ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);
    append_line(transfer, line);
}

static bool is_credential(const char *name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Cookie2",
                                        "Proxy-Authorization"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcasecmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void set_headers(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->request;
    bool has_type = false;
    if (request->headers != NULL) {
        vec_foreach (struct http_header, header, request->headers) {
            if (transfer->left_origin && is_credential(header->name))
                continue;
            has_type = has_type || strcasecmp(header->name, "Content-Type") == 0;
            append_header(transfer, header->name, header->value);
        }
    }
    if (request->authorization != NULL && !transfer->left_origin)
        append_header(transfer, "Authorization", request->authorization);
    if (!has_type)
        append_line(transfer, "Content-Type:");
    // Servers that ignore it cost a second.
    append_line(transfer, "Expect:");
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_method(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->request;
    CURL *easy = transfer->easy;
    bool has_body = request->body_size > 0 || strcmp(request->method, "POST") == 0 ||
                    strcmp(request->method, "PUT") == 0 || strcmp(request->method, "PATCH") == 0;
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (has_body) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, http_send_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, http_seek_body);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static int set_blob(CURL *easy, CURLoption option, const char *pem)
{
    // A copy by curl: the connection outlives the request.
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob) == CURLE_OK ? 0 : -1;
}

static int set_tls(struct http_transfer *transfer)
{
    static const struct http_tls defaults = {0};
    const struct http_tls *tls = transfer->request.tls != NULL ? transfer->request.tls : &defaults;
    CURL *easy = transfer->easy;
    int result = 0;
    if (transfer->ca_file != NULL) {
        result |= curl_easy_setopt(easy, CURLOPT_CAINFO, transfer->ca_file) != CURLE_OK;
        result |= curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, transfer->ca_file) != CURLE_OK;
    }
    if (tls->ca_pem != NULL)
        result |= set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca_pem);
    // Who we are is told to the origin that it was given for, and to no other.
    if (tls->cert_pem != NULL && !transfer->left_origin)
        result |= set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->cert_pem);
    if (tls->key_pem != NULL && !transfer->left_origin)
        result |= set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key_pem);
    if (tls->insecure_skip_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    return result == 0 ? 0 : -1;
}

// What a redirect to another host may reach is the server's choice, which may be trusted less.
static enum http_reach reach_of(const struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->request;
    cleanup_url struct url first = {0};
    bool elsewhere = transfer->left_origin && url_parse(request->url, &first, NULL) == 0 &&
                     strcmp(first.host, transfer->hop.host) != 0;
    return elsewhere && request->reach_elsewhere > request->reach ? request->reach_elsewhere
                                                                  : request->reach;
}

static void refuse_address(struct http_transfer *transfer, const char *refusal)
{
    error_set(&transfer->error, ERROR_DENIED,
              "%s:%d is at %s, which must not be reached from here; name a host with another "
              "address",
              transfer->hop.host, transfer->hop.port, refusal);
}

static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct http_transfer *transfer = userdata;
    (void)purpose;
    const char *refusal = http_reach_refusal(reach_of(transfer), &address->addr);
    if (refusal != NULL) {
        refuse_address(transfer, refusal);
        return CURL_SOCKET_BAD;
    }
    // curl's own sockets would be inherited by the programs that we start.
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The connection stands, new or kept. A kept one may come from a request with a wider reach.
static int before_request(void *userdata, char *remote_ip, char *local_ip, int remote_port,
                          int local_port)
{
    struct http_transfer *transfer = userdata;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    const char *refusal = http_reach_refusal_text(reach_of(transfer), remote_ip);
    if (refusal != NULL) {
        refuse_address(transfer, refusal);
        return CURL_PREREQFUNC_ABORT;
    }
    // One address that was refused does not count where another one was reached.
    if (transfer->error.code == ERROR_DENIED)
        error_release(&transfer->error);
    transfer->sent = true;
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    return CURL_PREREQFUNC_OK;
}

static void set_network(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct http_request *request = &transfer->request;
    bool https = strcmp(transfer->hop.scheme, "https") == 0;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, transfer->shared ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    // Do not wait for the resolver's thread when a request is stopped; it ends by itself.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (request->connect_to != NULL && !transfer->left_origin) {
        cleanup_free char *rule = xasprintf("::%s", request->connect_to);
        transfer->connect_to = curl_slist_append(NULL, rule);
        if (transfer->connect_to == NULL)
            abort();
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer->connect_to);
    }
    if (request->proxy != NULL) {
        curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    }
}

// A literal or local name in the URL is refused even where a proxy would connect to it.
static bool refuse_host(struct http_transfer *transfer)
{
    const char *host = transfer->hop.host;
    enum http_reach reach = reach_of(transfer);
    const char *refusal = http_reach_refusal_text(reach, host);
    size_t length = strlen(host);
    while (length > 0 && host[length - 1] == '.')
        length--;
    static const char local[] = "localhost";
    size_t tail = sizeof local - 1;
    if (reach != HTTP_REACH_ANY && refusal == NULL && length >= tail &&
        strncmp(host + length - tail, local, tail) == 0 &&
        (length == tail || host[length - tail - 1] == '.'))
        refusal = "a loopback address";
    if (refusal != NULL)
        refuse_address(transfer, refusal);
    return refusal != NULL;
}

int http_setup(struct http_transfer *transfer)
{
    if (refuse_host(transfer))
        return -1;
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        abort();
    transfer->easy = easy;
    transfer->curl_text[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_text);
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_receive_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_receive_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (transfer->endless) // many of them idle for hours
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    set_network(transfer);
    set_method(transfer);
    set_headers(transfer);
    if (set_tls(transfer) < 0)
        return error_set(&transfer->error, ERROR_INVALID,
                         "the certificates for %s:%d cannot be used; they must be PEM",
                         transfer->hop.host, transfer->hop.port);
    return 0;
}
