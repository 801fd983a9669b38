// Request line, fields, then the fields that decide where the request ends. Lines are cut in a
// private copy, so that every name and value is a C string.
#include "base/http_parse.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int refuse(struct http_refusal *refusal, int status, const char *reason)
{
    *refusal = (struct http_refusal){.status = status, .reason = reason};
    return -1;
}

enum http_scan http_head_scan(const char *data, size_t size, size_t *scanned, size_t *ret_length)
{
    for (size_t i = *scanned; i < size; i++) {
        if (data[i] != '\n')
            continue;
        if (i == 0 || data[i - 1] != '\r')
            return HTTP_SCAN_BAD;
        if (i >= 3 && data[i - 2] == '\n') {
            *scanned = i + 1;
            *ret_length = i + 1;
            return HTTP_SCAN_COMPLETE;
        }
    }
    *scanned = size;
    return HTTP_SCAN_MORE;
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_hex(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
}

static bool is_alnum(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

// "tchar" of RFC 9110 section 5.6.2.
static bool is_token_char(char ch)
{
    return is_alnum(ch) || (ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

// "pchar", '/' and '?' of RFC 3986, without the '%'.
static bool is_target_char(char ch)
{
    return is_alnum(ch) || (ch != '\0' && strchr("-._~!$&'()*+,;=:@/?", ch) != NULL);
}

static int parse_method(const char *method, struct http_refusal *refusal)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    if (*method == '\0' || strlen(method) > HTTP_MAX_METHOD_BYTES)
        return refuse(refusal, 400, "the request line has no valid method");
    for (const char *ch = method; *ch != '\0'; ch++) {
        if (!is_token_char(*ch))
            return refuse(refusal, 400, "the request line has no valid method");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strcmp(method, known[i]) == 0)
            return 0;
    }
    return refuse(refusal, 501, "this method is not supported");
}

static int parse_target(char *target, struct http_head *head, struct http_refusal *refusal)
{
    if (*target != '/')
        return refuse(refusal, 400, "the request target must be a path that starts with /");
    for (const char *ch = target; *ch != '\0'; ch++) {
        if (*ch == '%' && is_hex(ch[1]) && is_hex(ch[2]))
            continue;
        if (!is_target_char(*ch))
            return refuse(refusal, 400, "the request target has a character that is not allowed");
    }
    char *query = strchr(target, '?');
    head->path = target;
    head->query = "";
    if (query != NULL) {
        *query = '\0';
        head->query = query + 1;
    }
    return 0;
}

static int parse_version(const char *version, struct http_head *head, struct http_refusal *refusal)
{
    if (strncmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7]) || version[8] != '\0')
        return refuse(refusal, 400, "the request line has no valid version");
    if (version[5] != '1' || version[7] > '1')
        return refuse(refusal, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    // An HTTP/1.0 client need not know about kept connections.
    head->is_1_0 = version[7] == '0';
    head->close = head->is_1_0;
    return 0;
}

static int parse_request_line(char *line, struct http_head *head, struct http_refusal *refusal)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL)
        return refuse(refusal, 400, "the request line must be METHOD /path HTTP/1.1");
    *target++ = '\0';
    *version++ = '\0';
    head->method = line;
    if (parse_method(line, refusal) < 0 || parse_version(version, head, refusal) < 0)
        return -1;
    return parse_target(target, head, refusal);
}

static int parse_field(char *line, struct http_head *head, struct http_refusal *refusal)
{
    if (*line == ' ' || *line == '\t')
        return refuse(refusal, 400, "a header continues on a second line");
    char *colon = line;
    while (is_token_char(*colon))
        colon++;
    if (colon == line || *colon != ':')
        return refuse(refusal, 400, "a header has no valid name");
    *colon = '\0';
    char *value = colon + 1;
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = '\0';
    for (const char *ch = value; *ch != '\0'; ch++) {
        if (((unsigned char)*ch < 0x20 && *ch != '\t') || *ch == 0x7f)
            return refuse(refusal, 400, "a header value has a control character");
    }
    if (head->fields.len >= HTTP_MAX_FIELDS)
        return refuse(refusal, 431, "the request has too many headers");
    *(struct http_field *)vec_push(&head->fields) =
        (struct http_field){.name = line, .value = value};
    return 0;
}

// The value of a field that may occur once; NULL in *ret_value when absent.
static int single(const struct http_head *head, const char *name, const char **ret_value)
{
    const char *value = NULL;
    vec_foreach (struct http_field, field, &head->fields) {
        if (strcasecmp(field->name, name) != 0)
            continue;
        if (value != NULL)
            return -1;
        value = field->value;
    }
    *ret_value = value;
    return 0;
}

static int check_host(const struct http_head *head, struct http_refusal *refusal)
{
    const char *host;
    if (single(head, "Host", &host) < 0)
        return refuse(refusal, 400, "the request has more than one Host");
    if (host == NULL)
        return head->is_1_0 ? 0 : refuse(refusal, 400, "the request has no Host");
    bool ok = *host != '\0';
    for (const char *ch = host; ok && *ch != '\0'; ch++)
        ok = is_alnum(*ch) || strchr("-._:[]", *ch) != NULL;
    return ok ? 0 : refuse(refusal, 400, "the Host is not valid");
}

static int parse_length(struct http_head *head, struct http_refusal *refusal)
{
    const char *length, *encoding = http_head_get(head, "Transfer-Encoding");
    if (single(head, "Content-Length", &length) < 0)
        return refuse(refusal, 400, "the request has more than one Content-Length");
    if (encoding != NULL && (length != NULL || head->is_1_0))
        return refuse(refusal, 400, "the request says in two ways where its body ends");
    if (encoding != NULL)
        return refuse(refusal, 501, "send the body with Content-Length, not chunked");
    if (length == NULL)
        return 0;
    size_t digits = strspn(length, "0123456789");
    if (digits == 0 || length[digits] != '\0' || (digits > 1 && *length == '0'))
        return refuse(refusal, 400, "the Content-Length is no plain number");
    if (digits > 15)
        return refuse(refusal, 413, "the body is too large");
    head->content_length = strtoll(length, NULL, 10);
    return 0;
}

static bool has_token(const char *list, const char *token)
{
    size_t size = strlen(token);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, " \t,");
        if (length == size && strncasecmp(list, token, size) == 0)
            return true;
        list += length;
    }
    return false;
}

static int parse_connection(struct http_head *head, struct http_refusal *refusal)
{
    vec_foreach (struct http_field, field, &head->fields) {
        if (strcasecmp(field->name, "Connection") == 0 && has_token(field->value, "close"))
            head->close = true;
    }
    const char *expect = http_head_get(head, "Expect");
    // HTTP/1.0 knows no Expect, and it must then be ignored (RFC 9110 section 10.1.1).
    if (expect == NULL || head->is_1_0)
        return 0;
    if (strcasecmp(expect, "100-continue") != 0)
        return refuse(refusal, 417, "the only expectation known here is 100-continue");
    head->expect_continue = head->content_length > 0;
    return 0;
}

static int parse_lines(struct http_head *head, size_t size, struct http_refusal *refusal)
{
    // A NUL would end a string early; CR may only stand before LF.
    if (memchr(head->bytes, '\0', size) != NULL)
        return refuse(refusal, 400, "the request has a NUL byte");
    bool first = true;
    for (char *line = head->bytes, *next;; line = next) {
        char *end = strchr(line, '\n');
        if (end == NULL || end == line || end[-1] != '\r')
            return refuse(refusal, 400, "a line does not end in CR LF");
        end[-1] = '\0';
        next = end + 1;
        if (*line == '\0' && !first)
            return next == head->bytes + size
                       ? 0
                       : refuse(refusal, 400, "the head has an empty line inside");
        if ((first ? parse_request_line : parse_field)(line, head, refusal) < 0)
            return -1;
        first = false;
    }
}

int http_head_parse(const char *data, size_t size, struct http_head *ret_head,
                    struct http_refusal *ret_refusal)
{
    cleanup_http_head struct http_head head = {.bytes = xmalloc(size + 1),
                                               .fields = VEC_OF(struct http_field, NULL)};
    memcpy(head.bytes, data, size);
    head.bytes[size] = '\0';
    if (parse_lines(&head, size, ret_refusal) < 0)
        return -1;
    if (check_host(&head, ret_refusal) < 0 || parse_length(&head, ret_refusal) < 0 ||
        parse_connection(&head, ret_refusal) < 0)
        return -1;
    *ret_head = head;
    head = (struct http_head){0};
    return 0;
}

const char *http_head_get(const struct http_head *head, const char *name)
{
    vec_foreach (struct http_field, field, &head->fields) {
        if (strcasecmp(field->name, name) == 0)
            return field->value;
    }
    return NULL;
}

void http_head_release(struct http_head *head)
{
    vec_free(&head->fields);
    free(head->bytes);
    *head = (struct http_head){0};
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "Status";
}
