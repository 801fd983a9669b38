// What a signer program prints, what `sealift pkcs11-signer` reads, names of keys in tokens, and
// what is shown of a program's complaints. The first byte says which.
#include "base/memory.h"
#include "oci/sign/pkcs11_uri.h"
#include "oci/sign/signer_protocol.h"
#include "oci/sign/signer_words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const char *text, size_t size, enum signer_operation operation)
{
    cleanup_signer_answer struct signer_answer answer = {0};
    if (signer_answer_parse(text, size, operation, &answer, NULL) == 0 &&
        (operation == SIGNER_SIGN) != (answer.signature != NULL))
        abort();
}

// What is read is written as it was, and read again.
static void read_request(const char *text, size_t size)
{
    cleanup_signer_request struct signer_request request = {0}, again = {0};
    cleanup_secret char *built = NULL;
    if (signer_request_parse(text, size, &request, NULL) < 0 ||
        signer_request_build(&request, &built, NULL) < 0)
        return;
    if (signer_request_parse(built, strlen(built), &again, NULL) < 0 ||
        strcmp(request.key, again.key) != 0 || request.message_size != again.message_size)
        abort();
}

// The name of a key has no query left, and names the same key.
static void read_uri(const char *text)
{
    cleanup_pkcs11_uri struct pkcs11_uri uri = {0}, again = {0};
    if (pkcs11_uri_parse(text, &uri, NULL) < 0)
        return;
    if (strchr(uri.name, '?') != NULL || pkcs11_uri_parse(uri.name, &again, NULL) < 0 ||
        strcmp(uri.name, again.name) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cleanup_free char *text = xstrndup((const char *)data + 1, size - 1);
    if (data[0] == 'p')
        read_answer(text, size - 1, SIGNER_PUBLIC_KEY);
    else if (data[0] == 's')
        read_answer(text, size - 1, SIGNER_SIGN);
    else if (data[0] == 'r')
        read_request(text, size - 1);
    else if (data[0] == 'u')
        read_uri(text);
    else {
        cleanup_free char *words = signer_words(text, strlen(text));
        if (strlen(words) > 410)
            abort();
    }
    return 0;
}
