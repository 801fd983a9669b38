// What a credential plugin prints.
#include "base/kube/kube_credential_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char version[] = "client.authentication.k8s.io/v1";
    struct kube_exec exec = {.api_version = version};
    struct kube_exec_answer answer = {0};
    if (kube_exec_parse(&exec, (const char *)data, size, &answer, NULL) == 0 &&
        answer.token == NULL && (answer.cert_pem == NULL || answer.key_pem == NULL))
        abort();
    kube_exec_answer_release(&answer);
    return 0;
}
