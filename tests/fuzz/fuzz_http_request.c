// The request head: dripped bytes and whole bytes must be read alike, and what is accepted must
// hold what the header promises.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_text(const char *text)
{
    for (; *text != '\0'; text++)
        require(*text != '\r' && *text != '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    size_t scanned = 0, length = 0;
    enum http_scan scan = http_head_scan(bytes, size, &scanned, &length);
    size_t dripped = 0, dripped_length = 0;
    enum http_scan drip = HTTP_SCAN_MORE;
    for (size_t i = 1; i <= size && drip == HTTP_SCAN_MORE; i++)
        drip = http_head_scan(bytes, i, &dripped, &dripped_length);
    require(drip == scan && dripped_length == length);
    struct http_head head = {0};
    struct http_refusal refusal = {0};
    if (http_head_parse(bytes, scan == HTTP_SCAN_COMPLETE ? length : size, &head, &refusal) < 0) {
        require(refusal.status >= 400 && refusal.reason != NULL);
        return 0;
    }
    require(scan == HTTP_SCAN_COMPLETE);
    require(head.path[0] == '/' && strchr(head.path, '?') == NULL && head.content_length >= 0);
    require(strlen(head.method) <= HTTP_MAX_METHOD_BYTES && head.fields.len <= HTTP_MAX_FIELDS);
    require(http_head_get(&head, "Transfer-Encoding") == NULL);
    check_text(head.path);
    check_text(head.query);
    vec_foreach (struct http_field, field, &head.fields) {
        require(field->name[0] != '\0');
        check_text(field->name);
        check_text(field->value);
    }
    http_head_release(&head);
    return 0;
}
