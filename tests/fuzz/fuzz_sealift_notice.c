// What another sealift's `notify` sends, after its signature was found good.
#include <stdint.h>
#include <stdlib.h>

#include "base/digest.h"
#include "receiver/sealift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hook_delivery delivery = {0};
    if (sealift_notice_parse(data, size, 1768000000000, &delivery, NULL) < 0)
        return 0;
    if (delivery.repository == NULL || !digest_is_valid(delivery.digest) || delivery.id == NULL)
        abort();
    hook_delivery_release(&delivery);
    return 0;
}
