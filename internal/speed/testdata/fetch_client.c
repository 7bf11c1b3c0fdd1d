/* A closed-loop client of answers that are much longer than their requests: one
 * request in flight on each connection. usage:
 * fetch_client CPU PORT CONNECTIONS REQUEST_FILE MILLISECONDS; the file holds one
 * request frame. Prints the number of whole answers, the bytes of all answers and the
 * nanoseconds they took. It looks at nothing of an answer but its length. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, BUFFER = 1 << 20, LENGTH = 4, CONNECTIONS = 1024 };

struct answer {
    unsigned char prefix[LENGTH];
    unsigned prefixed;
    long long left;
};

static void die(const char *what) { perror(what); exit(1); }

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int dial(int port) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr)) die("connect");
    return fd;
}

/* Takes what one recv brought; 1 when it ends an answer. One is in flight, so no byte
 * of a next one can follow. */
static int take(struct answer *a, const unsigned char *p, ssize_t n) {
    while (n > 0 && a->prefixed < LENGTH) {
        a->prefix[a->prefixed++] = *p++;
        n--;
        if (a->prefixed == LENGTH) a->left = (long long)a->prefix[0] << 24 | a->prefix[1] << 16 | a->prefix[2] << 8 | a->prefix[3];
    }
    a->left -= n;
    if (a->prefixed < LENGTH || a->left > 0) return 0;
    if (a->left < 0) { fprintf(stderr, "more bytes than one answer has\n"); exit(1); }
    a->prefixed = 0;
    return 1;
}

int main(int argc, char **argv) {
    static unsigned char buffer[BUFFER];
    static struct answer answers[CONNECTIONS];
    static int fds[CONNECTIONS];
    if (argc != 6) return 2;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(argv[1]), &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
    char request[BUFFER / 16];
    FILE *file = fopen(argv[4], "rb");
    if (!file) die(argv[4]);
    size_t size = fread(request, 1, sizeof request, file);
    int connections = atoi(argv[3]), epoll = epoll_create1(0);
    struct epoll_event events[EVENTS], want = {.events = EPOLLIN};
    if (connections > CONNECTIONS) return 2;
    for (int i = 0; i < connections; i++) {
        fds[i] = dial(atoi(argv[2]));
        want.data.u32 = i;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &want)) die("epoll_ctl");
        if (send(fds[i], request, size, 0) != (ssize_t)size) die("send");
    }
    long long window = atoll(argv[5]) * 1000000LL, whole = 0, bytes = 0, start = now_ns(), end = start;
    while (end - start < window) {
        int n = epoll_wait(epoll, events, EVENTS, 1000);
        if (n == 0) { fprintf(stderr, "no answer within a second\n"); return 1; }
        for (int i = 0; i < n; i++) {
            int c = events[i].data.u32;
            ssize_t got = recv(fds[c], buffer, sizeof buffer, 0);
            if (got <= 0) die("recv");
            bytes += got;
            if (!take(&answers[c], buffer, got)) continue;
            whole++;
            if (send(fds[c], request, size, 0) != (ssize_t)size) die("send");
        }
        end = now_ns();
    }
    printf("%lld %lld %lld\n", whole, bytes, end - start);
    return 0;
}
