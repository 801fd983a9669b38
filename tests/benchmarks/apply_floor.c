// The floor of an apply: server-side apply requests sent as fast as one HTTP/2 connection takes
// them, and nothing else: answers are counted and thrown away.
//
//     apply_floor URL CA-FILE STREAMS < requests
//
// Standard input: lines "H NAME: VALUE" (headers of all requests), then for each request a line
// "P PATH SIZE" and SIZE bytes of body. Prints {"seconds", "cpu", "answered", "refused"}.
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { STREAMS_MAX = 1000, LINE_MAX_BYTES = 8192 };

struct patch {
    char *url;
    char *body;
    size_t size;
};

struct floor {
    const char *base;
    struct curl_slist *headers;
    struct patch *patches;
    size_t n;
    size_t next;
    size_t answered;
    size_t refused;
};

static void *need(void *pointer)
{
    if (pointer == NULL)
        abort();
    return pointer;
}

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
    (void)data;
    (void)arg;
    return size * n;
}

static void add_patch(struct floor *floor, const char *path, size_t size)
{
    floor->patches = need(realloc(floor->patches, (floor->n + 1) * sizeof *floor->patches));
    struct patch *patch = &floor->patches[floor->n++];
    size_t length = strlen(floor->base) + strlen(path) + 1;
    patch->url = need(malloc(length));
    snprintf(patch->url, length, "%s%s", floor->base, path);
    patch->body = need(malloc(size + 1));
    patch->size = size;
    if (fread(patch->body, 1, size, stdin) != size)
        exit(2);
}

static void read_requests(struct floor *floor)
{
    char line[LINE_MAX_BYTES];
    char path[LINE_MAX_BYTES];
    size_t size;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "H ", 2) == 0)
            floor->headers = need(curl_slist_append(floor->headers, line + 2));
        else if (sscanf(line, "P %8000s %zu", path, &size) == 2)
            add_patch(floor, path, size);
    }
}

static CURL *new_stream(const struct floor *floor, const char *ca_file)
{
    CURL *easy = need(curl_easy_init());
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, floor->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    return easy;
}

static int start(struct floor *floor, CURLM *multi, CURL *easy)
{
    if (floor->next == floor->n)
        return 0;
    const struct patch *patch = &floor->patches[floor->next++];
    curl_easy_setopt(easy, CURLOPT_URL, patch->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)patch->size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, patch->body);
    return curl_multi_add_handle(multi, easy) == CURLM_OK ? 1 : 0;
}

static void collect(struct floor *floor, CURLM *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status / 100 != 2)
            floor->refused++;
        floor->answered++;
        curl_multi_remove_handle(multi, easy);
        start(floor, multi, easy);
    }
}

static void send_all(struct floor *floor, CURL **streams, size_t parallel)
{
    CURLM *multi = need(curl_multi_init());
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    for (size_t i = 0; i < parallel; i++)
        start(floor, multi, streams[i]);
    int running = 0;
    while (floor->answered < floor->n) {
        curl_multi_perform(multi, &running);
        collect(floor, multi);
        if (floor->answered < floor->n)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (size_t i = 0; i < parallel; i++)
        curl_easy_cleanup(streams[i]);
    curl_multi_cleanup(multi);
}

static double seconds_of(struct timespec begin, struct timespec end)
{
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    struct floor floor = {.base = argv[1]};
    size_t parallel = strtoul(argv[3], NULL, 10);
    if (parallel == 0 || parallel > STREAMS_MAX)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    read_requests(&floor);
    static CURL *streams[STREAMS_MAX];
    for (size_t i = 0; i < parallel; i++)
        streams[i] = new_stream(&floor, argv[2]);
    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    send_all(&floor, streams, parallel);
    clock_gettime(CLOCK_MONOTONIC, &end);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\": %.4f, \"cpu\": %.4f, \"answered\": %zu, \"refused\": %zu}\n",
           seconds_of(begin, end), cpu, floor.answered, floor.refused);
    return floor.refused == 0 ? 0 : 1;
}
