/* A closed-loop echo client: one request in flight on each connection. usage:
 * echo_client CPU PORT CONNECTIONS PAYLOAD_BYTES MILLISECONDS; prints the number of
 * answers and the nanoseconds they took. It does no more per answer than one recv
 * and one send, so that the server is what is measured. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER = 16384, LENGTH = 4 };

static void die(const char *what) { perror(what); exit(1); }

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (cpu >= 0 && sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

static int dial(int port) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    pin(atoi(argv[1]));
    int port = atoi(argv[2]), connections = atoi(argv[3]), size = LENGTH + atoi(argv[4]);
    long long window = atoll(argv[5]) * 1000000LL, answers = 0;
    char frame[BUFFER] = {0}, buffer[BUFFER];
    unsigned length = htonl(size - LENGTH);
    memcpy(frame, &length, LENGTH);
    struct epoll_event events[EVENTS], want = {.events = EPOLLIN};
    int epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        want.data.fd = dial(port);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, want.data.fd, &want)) die("epoll_ctl");
        if (send(want.data.fd, frame, size, 0) != size) die("send");
    }
    long long start = now_ns(), end = start;
    while (end - start < window) {
        int n = epoll_wait(epoll, events, EVENTS, 1000);
        if (n == 0) { fprintf(stderr, "no answer within a second\n"); return 1; }
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got != size) { fprintf(stderr, "answer of %zd bytes, want %d\n", got, size); return 1; }
            answers++;
            if (send(fd, frame, size, 0) != size) die("send");
        }
        end = now_ns();
    }
    printf("%lld %lld\n", answers, end - start);
    return 0;
}
