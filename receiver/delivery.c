#include "receiver/delivery.h"

#include <stdlib.h>

void hook_delivery_release(struct hook_delivery *delivery)
{
    free(delivery->id);
    free(delivery->repository);
    free(delivery->other_repository);
    free(delivery->ref);
    free(delivery->commit);
    free(delivery->tag);
    free(delivery->digest);
    *delivery = (struct hook_delivery){0};
}
