// An answer of an API server, or of what stands in its place. The first byte chooses the status.
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 201, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503};
    if (size == 0)
        return 0;
    char server[] = "https://127.0.0.1:6443";
    struct kube_config config = {.server = server};
    cleanup_kube_client struct kube_client *client = NULL;
    if (kube_client_new(&config, NULL, &client, NULL) < 0)
        abort();
    struct http_response response = {.status = statuses[data[0] % ARRAY_LENGTH(statuses)],
                                     .headers = HTTP_HEADERS};
    cleanup_free char *text = xstrndup((const char *)data + 1, size - 1);
    http_headers_add(&response.headers, "Warning", text);
    strbuf_init(&response.body, 1 << 20);
    if (strbuf_add(&response.body, data + 1, size - 1) < 0)
        return 0;
    struct kube_request request = {.verb = KUBE_GET, .path = "/version"};
    cleanup_kube_result struct kube_result result = {0};
    kube_answer(client, &request, &response, &result);
    bool fine = result.http_status < 300;
    if ((!fine && result.error.code == ERROR_NONE) ||
        (result.error.code != ERROR_NONE && result.object != NULL))
        abort();
    kube_result_reason(&result);
    kube_result_is_field_conflict(&result);
    return 0;
}
