// One libevent base, a queue that any thread may post to, and a heap of timers on the injected
// clock.
//
// A turn: libevent waits for descriptors, signals, the wake-up descriptor or the earliest timer;
// posted calls run in the order they were posted; then every timer that is due. libevent's own
// clock only decides when to look; what is due is decided by the injected one.
#include "base/loop.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/vec.h"

#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct posted_call {
    void (*call)(void *arg);
    void *arg;
    struct posted_call *next;
};

static const size_t NOT_IN_HEAP = SIZE_MAX;

struct loop_timer {
    struct loop *loop;
    void (*call)(void *arg);
    void *arg;
    int64_t due_ms;
    uint64_t order; // rises with each set: equal times fire in the order they were set
    size_t index;   // in loop->heap
};

struct loop_fd {
    struct event *event;
    void (*call)(int fd, int events, void *arg);
    void *arg;
};

struct signal_watch {
    struct event *event;
    void (*call)(int signal_number, void *arg);
    void *arg;
};

struct shared_value {
    const void *key;
    void *value;
};

struct loop {
    const struct clock *clock;
    struct event_base *base;
    struct event *wake_event;
    struct event *timer_event;
    int wake_fd;
    bool stopping;    // atomic; set from any thread or a signal
    pthread_t thread; // atomic

    pthread_mutex_t lock; // of the queue
    struct posted_call *first;
    struct posted_call *last;
    size_t posted;

    struct vec heap; // of struct loop_timer *, earliest first
    uint64_t next_order;
    struct vec signals; // of struct signal_watch *
    struct vec shared;  // of struct shared_value
};

static void run_due_timers(struct loop *loop);

// What stood in the queue when this began; calls posted meanwhile wait for the next turn. One is
// taken at a time, so that a call may run the rest of the queue itself.
void loop_run_posted(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    size_t count = loop->posted;
    for (; count > 0 && loop->first != NULL; count--) {
        struct posted_call *call = loop->first;
        loop->first = call->next;
        if (loop->first == NULL)
            loop->last = NULL;
        loop->posted--;
        pthread_mutex_unlock(&loop->lock);
        void (*function)(void *) = call->call;
        void *arg = call->arg;
        free(call);
        function(arg);
        pthread_mutex_lock(&loop->lock);
    }
    pthread_mutex_unlock(&loop->lock);
}

static void wake(struct loop *loop)
{
    // A full counter (EAGAIN) means that the loop is awake already.
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct loop *loop = arg;
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return;
    loop_run_posted(loop);
    if (__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        event_base_loopbreak(loop->base);
    run_due_timers(loop);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_due_timers(arg);
}

static void release_signal(void *element)
{
    struct signal_watch *watch = *(struct signal_watch **)element;
    event_free(watch->event);
    free(watch);
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    // Only the loop's thread touches the base; the precise timer saves up to 4 ms on each deadline.
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int loop_new(const struct clock *clock, struct loop **ret_loop, struct error *err)
{
    cleanup_fd int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0)
        return error_errno(err, errno, "cannot make the event loop's wake-up descriptor");
    struct event_base *base = new_base();
    if (base == NULL)
        return error_set(err, ERROR_INTERNAL,
                         "cannot make an event loop; check the limit of open files (ulimit -n)");
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->clock = clock;
    loop->base = base;
    loop->wake_fd = wake_fd;
    wake_fd = -1;
    loop->thread = pthread_self();
    pthread_mutex_init(&loop->lock, NULL);
    loop->heap = VEC_OF(struct loop_timer *, NULL);
    loop->signals = VEC_OF(struct signal_watch *, release_signal);
    loop->shared = VEC_OF(struct shared_value, NULL);
    loop->wake_event = event_new(base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    loop->timer_event = event_new(base, -1, 0, on_timer, loop);
    if (loop->wake_event == NULL || loop->timer_event == NULL ||
        event_add(loop->wake_event, NULL) < 0) {
        loop_free(loop);
        return error_set(err, ERROR_INTERNAL, "cannot watch the event loop's wake-up descriptor");
    }
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    for (struct posted_call *call = loop->first, *next; call != NULL; call = next) {
        next = call->next;
        free(call);
    }
    vec_free(&loop->signals);
    vec_free(&loop->heap);
    vec_free(&loop->shared);
    if (loop->wake_event != NULL)
        event_free(loop->wake_event);
    if (loop->timer_event != NULL)
        event_free(loop->timer_event);
    event_base_free(loop->base);
    close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int loop_run(struct loop *loop, struct error *err)
{
    __atomic_store_n(&loop->thread, pthread_self(), __ATOMIC_RELEASE);
    // A fake clock may have moved since a timer was set.
    run_due_timers(loop);
    int failed = 0;
    while (failed == 0 && !__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        failed = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0;
    __atomic_store_n(&loop->stopping, false, __ATOMIC_RELEASE);
    return failed ? error_set(err, ERROR_INTERNAL, "the event loop cannot wait for events") : 0;
}

void loop_run_once(struct loop *loop)
{
    __atomic_store_n(&loop->thread, pthread_self(), __ATOMIC_RELEASE);
    event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    loop_run_posted(loop);
    run_due_timers(loop);
}

void loop_stop(struct loop *loop)
{
    __atomic_store_n(&loop->stopping, true, __ATOMIC_RELEASE);
    wake(loop);
}

void loop_post(struct loop *loop, void (*call)(void *arg), void *arg)
{
    struct posted_call *posted = xmalloc(sizeof *posted);
    *posted = (struct posted_call){.call = call, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    if (loop->last != NULL)
        loop->last->next = posted;
    else
        loop->first = posted;
    loop->last = posted;
    loop->posted++;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

bool loop_is_current(const struct loop *loop)
{
    return pthread_equal(__atomic_load_n(&loop->thread, __ATOMIC_ACQUIRE), pthread_self()) != 0;
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

struct event_base *loop_event_base(struct loop *loop)
{
    return loop->base;
}

void *loop_shared(const struct loop *loop, const void *key)
{
    vec_foreach (struct shared_value, shared, &loop->shared) {
        if (shared->key == key)
            return shared->value;
    }
    return NULL;
}

void loop_set_shared(struct loop *loop, const void *key, void *value)
{
    for (size_t i = loop->shared.len; i > 0; i--)
        if (((struct shared_value *)vec_at(&loop->shared, i - 1))->key == key)
            vec_remove(&loop->shared, i - 1);
    if (value != NULL)
        *(struct shared_value *)vec_push(&loop->shared) = (struct shared_value){key, value};
}

// The heap: heap[i] fires before heap[2i+1] and heap[2i+2].

static struct loop_timer **slot(struct loop *loop, size_t index)
{
    return vec_at(&loop->heap, index);
}

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put(struct loop *loop, size_t index, struct loop_timer *timer)
{
    *slot(loop, index) = timer;
    timer->index = index;
}

static void sift_up(struct loop *loop, size_t index)
{
    struct loop_timer *timer = *slot(loop, index);
    for (; index > 0; index = (index - 1) / 2) {
        struct loop_timer *parent = *slot(loop, (index - 1) / 2);
        if (!earlier(timer, parent))
            break;
        put(loop, index, parent);
    }
    put(loop, index, timer);
}

static void sift_down(struct loop *loop, size_t index)
{
    struct loop_timer *timer = *slot(loop, index);
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= loop->heap.len)
            break;
        if (child + 1 < loop->heap.len && earlier(*slot(loop, child + 1), *slot(loop, child)))
            child++;
        if (!earlier(*slot(loop, child), timer))
            break;
        put(loop, index, *slot(loop, child));
        index = child;
    }
    put(loop, index, timer);
}

static void heap_remove(struct loop_timer *timer)
{
    struct loop *loop = timer->loop;
    size_t index = timer->index;
    struct loop_timer *last = *slot(loop, loop->heap.len - 1);
    vec_remove(&loop->heap, loop->heap.len - 1);
    timer->index = NOT_IN_HEAP;
    if (last == timer)
        return;
    put(loop, index, last);
    sift_up(loop, index);
    sift_down(loop, last->index);
}

// Asks libevent to look again when the earliest timer should be due.
static void arm(struct loop *loop)
{
    if (loop->heap.len == 0) {
        event_del(loop->timer_event);
        return;
    }
    int64_t wait_ms = (*slot(loop, 0))->due_ms - clock_mono_ms(loop->clock);
    if (wait_ms < 0)
        wait_ms = 0;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    // It fails only for want of memory, and the wake-up descriptor would still be watched.
    if (event_add(loop->timer_event, &wait) < 0)
        abort();
}

static void run_due_timers(struct loop *loop)
{
    // A timer that its own call sets to zero waits for the next turn, so that descriptors get
    // theirs.
    uint64_t limit = loop->next_order;
    int64_t now = clock_mono_ms(loop->clock);
    while (loop->heap.len > 0) {
        struct loop_timer *timer = *slot(loop, 0);
        if (timer->due_ms > now || timer->order >= limit)
            break;
        heap_remove(timer);
        timer->call(timer->arg); // may free it
    }
    arm(loop);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg)
{
    struct loop_timer *timer = xmalloc(sizeof *timer);
    *timer = (struct loop_timer){.loop = loop, .call = call, .arg = arg, .index = NOT_IN_HEAP};
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    // Ten years: no caller waits longer, and the sum cannot overflow.
    static const int64_t longest_ms = 10LL * 365 * 24 * 3600 * 1000;
    struct loop *loop = timer->loop;
    if (timer->index != NOT_IN_HEAP)
        heap_remove(timer);
    if (delay_ms < 0)
        delay_ms = 0;
    timer->due_ms = clock_mono_ms(loop->clock) + (delay_ms < longest_ms ? delay_ms : longest_ms);
    timer->order = loop->next_order++;
    vec_push(&loop->heap);
    put(loop, loop->heap.len - 1, timer);
    sift_up(loop, timer->index);
    if (timer->index == 0)
        arm(loop);
}

void loop_timer_cancel(struct loop_timer *timer)
{
    // libevent may still wake up for it; that finds nothing due and waits on.
    if (timer->index != NOT_IN_HEAP)
        heap_remove(timer);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->index != NOT_IN_HEAP;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    loop_timer_cancel(timer);
    free(timer);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    struct loop_fd *watch = arg;
    int events =
        ((what & EV_READ) != 0 ? LOOP_READABLE : 0) | ((what & EV_WRITE) != 0 ? LOOP_WRITABLE : 0);
    watch->call(fd, events, watch->arg); // may free it
}

struct loop_fd *loop_fd_new(struct loop *loop, int fd, int events,
                            void (*call)(int fd, int events, void *arg), void *arg)
{
    struct loop_fd *watch = xmalloc(sizeof *watch);
    short what = EV_PERSIST;
    if ((events & LOOP_READABLE) != 0)
        what |= EV_READ;
    if ((events & LOOP_WRITABLE) != 0)
        what |= EV_WRITE;
    *watch = (struct loop_fd){.call = call, .arg = arg};
    watch->event = event_new(loop->base, fd, what, on_fd, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) < 0)
        abort(); // a descriptor that cannot be polled is our bug
    return watch;
}

void loop_fd_free(struct loop_fd *watch)
{
    if (watch == NULL)
        return;
    event_free(watch->event);
    free(watch);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    (void)what;
    struct signal_watch *watch = arg;
    watch->call(signal_number, watch->arg);
}

int loop_on_signal(struct loop *loop, int signal_number, void (*call)(int signal_number, void *arg),
                   void *arg, struct error *err)
{
    struct signal_watch *watch = xmalloc(sizeof *watch);
    *watch = (struct signal_watch){.call = call, .arg = arg};
    watch->event = evsignal_new(loop->base, signal_number, on_signal, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) < 0) {
        if (watch->event != NULL)
            event_free(watch->event);
        free(watch);
        return error_set(err, ERROR_INTERNAL, "cannot watch signal %d", signal_number);
    }
    *(struct signal_watch **)vec_push(&loop->signals) = watch;
    return 0;
}
