// Where an ssh URL leads, with name servers that keep silent: getaddrinfo is ours here.
#include "base/clock.h"
#include "render/git/gittransport_ssh_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { SILENCE_MS = 60 * 1000, SOON_MS = 20 * 1000 };

// As the system's, which the program finds behind this one, for numbers; "silent" takes a minute.
static struct sockaddr_in answer;
static struct addrinfo found;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret_found)
{
    (void)service;
    (void)hints;
    if (strcmp(name, "silent") == 0)
        poll(NULL, 0, SILENCE_MS);
    if (strcmp(name, "git.example.org") != 0)
        return EAI_NONAME;
    answer = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(0xc0000201)}};
    found = (struct addrinfo){.ai_addr = (void *)&answer, .ai_addrlen = sizeof answer};
    *ret_found = &found;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

static enum error_code resolve(char *host, struct cancel *cancel, int64_t limit_ms, char **ret_ip)
{
    const struct ssh_address address = {.host = host, .port = SSH_PORT};
    const struct ssh_patience patience = {clock_mono_ms(clock_system()) + limit_ms, cancel};
    cleanup_error struct error err = {0};
    int result = ssh_address_resolve(&address, HTTP_REACH_NOT_LOCAL, &patience, ret_ip, &err);
    return result == 0 ? ERROR_NONE : err.code;
}

static void test_names(void **state)
{
    (void)state;
    char known[] = "git.example.org", unknown[] = "nowhere";
    char *ip = NULL;
    assert_int_equal(resolve(known, NULL, SOON_MS, &ip), ERROR_NONE);
    assert_string_equal(ip, "192.0.2.1");
    free(ip);
    assert_int_equal(resolve(unknown, NULL, SOON_MS, &ip), ERROR_UNAVAILABLE);
}

static void test_silence(void **state)
{
    (void)state;
    char silent[] = "silent";
    char *ip = NULL;
    struct cancel cancel;
    cancel_init(&cancel);
    cancel_request_in(&cancel, 50);
    int64_t began = clock_mono_ms(clock_system());
    assert_int_equal(resolve(silent, &cancel, SILENCE_MS, &ip), ERROR_CANCELED);
    assert_int_equal(resolve(silent, NULL, 50, &ip), ERROR_TIMEOUT);
    assert_true(clock_mono_ms(clock_system()) - began < SOON_MS);
    cancel_release(&cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
