// What callers see of a response: headers, errors made of a status, Retry-After.
#include "base/http_client.h"

#include "base/memory.h"

#include <curl/curl.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// A day: beyond it nobody waits, and no sum overflows.
static const int64_t RETRY_AFTER_MAX_S = 24 * 60 * 60;
enum { EXCERPT_CHARACTERS = 200 };

void http_header_release(void *header)
{
    struct http_header *h = header;
    free(h->name);
    free(h->value);
}

void http_headers_add(struct vec *headers, const char *name, const char *value)
{
    struct http_header *header = vec_push(headers);
    header->name = xstrdup(name);
    header->value = xstrdup(value);
}

const char *http_headers_get(const struct vec *headers, const char *name)
{
    vec_foreach (struct http_header, header, headers) {
        if (strcasecmp(header->name, name) == 0)
            return header->value;
    }
    return NULL;
}

void http_response_release(struct http_response *response)
{
    vec_free(&response->headers);
    strbuf_release(&response->body);
    free(response->url);
    response->url = NULL;
}

void http_result_release(struct http_result *result)
{
    http_response_release(&result->response);
    error_release(&result->error);
}

static const struct {
    int status;
    enum error_code code;
    const char *phrase;
} statuses[] = {
    {400, ERROR_INVALID, "Bad Request"},
    {401, ERROR_DENIED, "Unauthorized; check the credentials"},
    {403, ERROR_DENIED, "Forbidden; the credentials do not allow this"},
    {404, ERROR_NOT_FOUND, "Not Found"},
    {405, ERROR_INVALID, "Method Not Allowed"},
    {407, ERROR_DENIED, "Proxy Authentication Required; check the proxy's credentials"},
    {408, ERROR_UNAVAILABLE, "Request Timeout"},
    {409, ERROR_CONFLICT, "Conflict"},
    {410, ERROR_INVALID, "Gone"},
    {412, ERROR_CONFLICT, "Precondition Failed"},
    {413, ERROR_INVALID, "Content Too Large"},
    {415, ERROR_INVALID, "Unsupported Media Type"},
    {422, ERROR_INVALID, "Unprocessable Content"},
    {429, ERROR_UNAVAILABLE, "Too Many Requests; try again later"},
    {500, ERROR_UNAVAILABLE, "Internal Server Error"},
    {502, ERROR_UNAVAILABLE, "Bad Gateway"},
    {503, ERROR_UNAVAILABLE, "Service Unavailable"},
    {504, ERROR_UNAVAILABLE, "Gateway Timeout"},
};

static enum error_code code_of_status(int status, const char **ret_phrase)
{
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        if (statuses[i].status == status) {
            *ret_phrase = statuses[i].phrase;
            return statuses[i].code;
        }
    }
    *ret_phrase = status >= 300 && status < 400 ? "a redirect that is not followed here" : "";
    return status >= 500 && status < 600 ? ERROR_UNAVAILABLE : ERROR_INVALID;
}

// One line of printable characters; a page of HTML says nothing in a sentence.
static void body_excerpt(const struct strbuf *body, char text[EXCERPT_CHARACTERS + 1])
{
    size_t length = 0;
    size_t at = 0;
    while (at < body->len && isspace((unsigned char)body->data[at]))
        at++;
    if (at < body->len && body->data[at] == '<')
        at = body->len;
    for (; at < body->len && length < EXCERPT_CHARACTERS; at++) {
        unsigned char byte = (unsigned char)body->data[at];
        if (byte > ' ' && byte < 0x7f)
            text[length++] = (char)byte;
        else if (length > 0 && text[length - 1] != ' ')
            text[length++] = ' ';
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
}

int http_status_error(const struct http_response *response, const char *what, struct error *err)
{
    if (response->status >= 200 && response->status < 300)
        return 0;
    const char *phrase = NULL;
    enum error_code code = code_of_status(response->status, &phrase);
    char excerpt[EXCERPT_CHARACTERS + 1];
    body_excerpt(&response->body, excerpt);
    error_set(err, code, "%s: HTTP %d%s%s%s%s", what, response->status, *phrase != '\0' ? " " : "",
              phrase, excerpt[0] != '\0' ? ": " : "", excerpt);
    if (err != NULL)
        err->retry_after_ms = response->retry_after_ms;
    return -1;
}

int64_t http_retry_after_ms(const char *value, int64_t now_wall_ms)
{
    if (value == NULL)
        return 0;
    if (isdigit((unsigned char)*value)) {
        if (value[strspn(value, "0123456789")] != '\0')
            return 0;
        int64_t seconds = strnlen(value, 7) < 7 ? strtol(value, NULL, 10) : RETRY_AFTER_MAX_S;
        return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
    }
    // The three forms of RFC 9110, section 5.6.7; each starts with the name of a day and is in GMT.
    time_t when = isalpha((unsigned char)*value) ? curl_getdate(value, NULL) : -1;
    if (when < 0)
        return 0;
    int64_t delay = (int64_t)when * 1000 - now_wall_ms;
    if (delay < 0)
        return 0;
    return delay < RETRY_AFTER_MAX_S * 1000 ? delay : RETRY_AFTER_MAX_S * 1000;
}
