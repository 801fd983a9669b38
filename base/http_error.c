// Sentences for what curl reports. They name host and port only: paths and queries of hooks and
// presigned URLs are secrets.
#include "base/http_internal.h"

#include <string.h>

static bool os_reason(const struct http_transfer *transfer, char *text, size_t size)
{
    long errnum = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &errnum);
    if (errnum == 0)
        return false;
    char buffer[128];
    const char *reason = strerror_r((int)errnum, buffer, sizeof buffer);
    size_t length = strnlen(reason, size - 1);
    memcpy(text, reason, length);
    text[length] = '\0';
    return true;
}

static void describe_connect(struct http_transfer *transfer)
{
    char reason[128] = "no connection";
    os_reason(transfer, reason, sizeof reason);
    error_set(&transfer->error, ERROR_UNAVAILABLE,
              "could not connect to %s:%d: %s; is the server running and reachable from here?",
              transfer->hop.host, transfer->hop.port, reason);
}

// A proxy's answer to CONNECT; 0 when there was none.
static long connect_status(const struct http_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status;
}

static void describe_broken(struct http_transfer *transfer)
{
    const char *host = transfer->hop.host;
    int port = transfer->hop.port;
    long status = connect_status(transfer);
    if (status >= 300) {
        error_set(&transfer->error,
                  status == 407 || status == 403 ? ERROR_DENIED : ERROR_UNAVAILABLE,
                  "the proxy refuses to connect to %s:%d (HTTP %ld); check the proxy's address, "
                  "credentials and rules",
                  host, port, status);
    } else if (strstr(transfer->curl_text, "alert") != NULL) {
        error_set(&transfer->error, ERROR_DENIED,
                  "%s:%d refused the TLS connection (%s); it may want a client certificate, or "
                  "another one",
                  host, port, transfer->curl_text);
    } else if (transfer->body_bytes > 0) {
        error_set(&transfer->error, ERROR_UNAVAILABLE,
                  "%s:%d closed the connection in the middle of its answer, after %zu bytes", host,
                  port, transfer->body_bytes);
    } else {
        char reason[128] = "";
        error_set(&transfer->error, ERROR_UNAVAILABLE,
                  "%s:%d closed the connection before it answered%s%s", host, port,
                  os_reason(transfer, reason, sizeof reason) ? ": " : "", reason);
    }
}

static void describe_tls(struct http_transfer *transfer)
{
    // What the system says comes with these words, OpenSSL's own with others.
    const char *text = transfer->curl_text;
    bool broken = strstr(text, "SSL_connect:") != NULL || strstr(text, "Recv failure:") != NULL ||
                  strstr(text, "Send failure:") != NULL;
    if (broken)
        error_set(&transfer->error, ERROR_UNAVAILABLE,
                  "%s:%d closed the connection during the TLS handshake", transfer->hop.host,
                  transfer->hop.port);
    else
        error_set(&transfer->error, ERROR_UNVERIFIED,
                  "no TLS connection to %s:%d: %s; does the server speak https on that port?",
                  transfer->hop.host, transfer->hop.port, transfer->curl_text);
}

void http_describe_failure(struct http_transfer *transfer, CURLcode code)
{
    struct error *err = &transfer->error;
    const char *host = transfer->hop.host;
    int port = transfer->hop.port;
    // Most of curl's codes cannot happen with http and https.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        error_set(err, ERROR_UNAVAILABLE,
                  "could not find the host %s; check the name, and DNS where this runs", host);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        error_set(err, ERROR_UNAVAILABLE,
                  "could not find the host of the proxy for %s:%d; check the proxy's name", host,
                  port);
        break;
    case CURLE_COULDNT_CONNECT:
        describe_connect(transfer);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        error_set(err, ERROR_TIMEOUT,
                  "could not connect to %s:%d within %lld ms; is it reachable from here?", host,
                  port, (long long)transfer->request.connect_timeout_ms);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        error_set(err, ERROR_UNVERIFIED,
                  "the certificate of %s:%d is not trusted: %s; give the right CA certificate, or "
                  "correct the name",
                  host, port, transfer->curl_text);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        error_set(err, ERROR_INVALID, "the CA certificates for %s:%d cannot be read: %s", host,
                  port, transfer->curl_text);
        break;
    case CURLE_SSL_CERTPROBLEM:
        error_set(err, ERROR_INVALID, "the client certificate or key for %s:%d cannot be used: %s",
                  host, port, transfer->curl_text);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        describe_tls(transfer);
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_PROXY:
        describe_broken(transfer);
        break;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
        error_set(err, ERROR_UNAVAILABLE,
                  "%s:%d answered with something that is not HTTP; check scheme and port", host,
                  port);
        break;
    default:
        error_set(err, ERROR_INTERNAL, "the request to %s:%d failed: %s", host, port,
                  curl_easy_strerror(code));
        break;
    }
#pragma GCC diagnostic pop
}

bool http_failure_is_transient(CURLcode code, enum error_code described)
{
    if (described != ERROR_UNAVAILABLE && described != ERROR_TIMEOUT)
        return false;
    return code != CURLE_WEIRD_SERVER_REPLY && code != CURLE_UNSUPPORTED_PROTOCOL;
}
