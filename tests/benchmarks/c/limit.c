/* The practical limit: the benchmark's export with nothing but sockets, OpenSSL and one scanner, on one thread.

   It reads the pages of one query over TLS, verifies x-amz-crc32, writes each item as a row of CSV or a line of JSON,
   hashes what it writes with SHA-256, and prints what that cost. It signs nothing, retries nothing, and trusts its
   server: whatever is not as expected ends it. Columns are known beforehand; nested values keep the order in which they
   came. Built by limit.py: cc -O3 limit.c transcode.c -lssl -lcrypto.

   limit PORT AUTHORITY csv|jsonl COLUMN,COLUMN,... (STUDY COUNT LOW HIGH OUTPUT) twice: a warm-up, and what is measured
*/
#include "transcode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4 << 20, REQUEST_BYTES = 4096 };

static char *page;
static uint32_t crc_table[8][256];
static SSL *tls;
static EVP_MD_CTX *hash;
static int file;

void end(const char *what) {
    fprintf(stderr, "limit: %s\n", what);
    exit(1);
}

static void make_crc_table(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crc_table[0][n] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int n = 0; n < 256; n++)
            crc_table[t][n] = crc_table[0][crc_table[t - 1][n] & 255] ^ (crc_table[t - 1][n] >> 8);
}

static uint32_t crc32_of(const char *data, size_t size) {
    uint32_t c = 0xFFFFFFFFu;
    const unsigned char *p = (const unsigned char *)data;
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= c;
        c = crc_table[7][w & 255] ^ crc_table[6][w >> 8 & 255] ^ crc_table[5][w >> 16 & 255] ^ crc_table[4][w >> 24 & 255]
          ^ crc_table[3][w >> 32 & 255] ^ crc_table[2][w >> 40 & 255] ^ crc_table[1][w >> 48 & 255] ^ crc_table[0][w >> 56];
    }
    for (; size--; p++) c = crc_table[0][(c ^ *p) & 255] ^ (c >> 8);
    return ~c;
}

void flush(void) {
    EVP_DigestUpdate(hash, out, out_size);
    for (size_t at = 0; at < out_size;) {
        ssize_t written = write(file, out + at, out_size - at);
        if (written < 0) end(strerror(errno));
        at += (size_t)written;
    }
    out_size = 0;
}

static char *header_of(char *head, const char *name) {
    char *found = strcasestr(head, name);
    if (!found) end(name);
    return found + strlen(name);
}

/* Sends a query and reads its answer, verified, into `page`. */
static char *query(const char *study, const char *low, const char *high, const char *key, const char *port) {
    char body[REQUEST_BYTES], request[2 * REQUEST_BYTES];
    int size = snprintf(body, sizeof body,
        "{\"TableName\":\"Records\",\"IndexName\":\"study-uploadedOn-index\",\"KeyConditionExpression\":"
        "\"studyId = :s AND uploadedOn BETWEEN :l AND :h\",\"ExpressionAttributeValues\":{\":s\":{\"S\":\"%s\"},"
        "\":l\":{\"N\":\"%s\"},\":h\":{\"N\":\"%s\"}}%s%s}", study, low, high,
        *key ? ",\"ExclusiveStartKey\":" : "", key);
    int all = snprintf(request, sizeof request,
        "POST / HTTP/1.1\r\nHost: localhost:%s\r\nX-Amz-Target: DynamoDB_20120810.Query\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s", port, size, body);
    if (SSL_write(tls, request, all) != all) end("the request could not be sent");
    size_t have = 0, wanted = 0;
    char *start = NULL;
    while (!start || have < wanted) {
        int got = SSL_read(tls, page + have, (int)(PAGE_BYTES - 1 - have));
        if (got <= 0) end("the answer broke off");
        have += (size_t)got;
        page[have] = 0;
        if (!start && (start = strstr(page, "\r\n\r\n"))) {
            start += 4;
            wanted = (size_t)(start - page) + strtoul(header_of(page, "Content-Length: "), NULL, 10);
        }
    }
    if (strtoul(header_of(page, "x-amz-crc32: "), NULL, 10) != crc32_of(start, have - (size_t)(start - page)))
        end("the answer's checksum is wrong");
    return start;
}

static long export(char **task, int jsonl, const char *port, char *digest) {
    long records = 0;
    char key[REQUEST_BYTES] = "";
    file = open(task[4], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) end(strerror(errno));
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    if (!jsonl) put_header();
    do {
        char *body = query(task[0], task[2], task[3], key, port);
        const char *rest = transcode(strstr(body, "\"Items\":") + 8, jsonl, &records);
        const char *last = strstr(rest, "\"LastEvaluatedKey\":");
        *key = 0;
        if (last) {
            last += 19;
            snprintf(key, sizeof key, "%.*s", (int)(skip_value(last) - last), last);
        }
    } while (*key);
    flush();
    close(file);
    unsigned char sum[32];
    EVP_DigestFinal_ex(hash, sum, NULL);
    for (int i = 0; i < 32; i++) sprintf(digest + 2 * i, "%02x", sum[i]);
    return records;
}

static void connect_to(const char *port, const char *authority) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 128 << 10);
    if (!SSL_CTX_load_verify_locations(context, authority, NULL)) end("the authority cannot be read");
    int plain = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(plain, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(plain, (struct sockaddr *)&address, sizeof address)) end(strerror(errno));
    tls = SSL_new(context);
    SSL_set1_host(tls, "localhost");
    SSL_set_fd(tls, plain);
    if (SSL_connect(tls) != 1) end("the server is not trusted");
}

static double cpu_seconds(struct rusage *used) {
    getrusage(RUSAGE_SELF, used);
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec)
         + (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

static double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long peak_bytes(void) {   /* Linux hands ru_maxrss down from the parent, so the kernel's own count is read */
    char line[256];
    long kibibytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kibibytes);
    if (status) fclose(status);
    return kibibytes * 1024;
}

int main(int count, char **arguments) {
    if (count != 15) end("15 arguments, see the top of limit.c");
    int jsonl = !strcmp(arguments[3], "jsonl");
    name_columns(arguments[4]);
    page = malloc(PAGE_BYTES);
    hash = EVP_MD_CTX_new();
    make_crc_table();
    connect_to(arguments[1], arguments[2]);
    char digest[65];
    struct rusage used;
    export(arguments + 5, jsonl, arguments[1], digest);
    double cpu = cpu_seconds(&used), wall = clock_seconds();
    long records = export(arguments + 10, jsonl, arguments[1], digest);
    wall = clock_seconds() - wall;
    cpu = cpu_seconds(&used) - cpu;
    printf("{\"records\": %ld, \"cpu\": %.6f, \"wall\": %.6f, \"peak\": %ld, \"note\": \"%s\"}\n", records, cpu, wall,
           peak_bytes(), digest);
    return records == atol(arguments[11]) ? 0 : 1;
}
