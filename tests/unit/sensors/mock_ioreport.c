/* A stand-in for macOS's libIOReport.dylib and CoreFoundation in one, controlled by environment
 * variables that are read anew at each call. IOREPORT_CHANNELS is the group `Energy Model`:
 * NAME|UNIT|COUNT, or NAME|UNIT|COUNT+STEP for a count that grows with each sample, with semicolons
 * between. IOREPORT_NULL names a function that gives NULL. The macro WITHOUT_<function> leaves a
 * function out of the library.
 *
 * mock_live() is how many objects are not yet released, mock_misuses() how often one was used or
 * released after its last release, or a wrong argument came, mock_asked() how many channels the
 * last sample was asked for.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTF8 0x08000100
#define MOST 512

typedef struct object {
    enum { STRING, ARRAY, DICTIONARY, CHANNEL, SUBSCRIPTION } kind;
    long references, length;
    char text[64];
    long long count;
    struct object **children;
} object;

static long live, misuses, asked, samples;

const long kCFTypeArrayCallBacks[5];

long mock_live(void) { return live; }
long mock_misuses(void) { return misuses; }
long mock_asked(void) { return asked; }

static object *create(int kind) {
    object *made = calloc(1, sizeof *made);
    made->kind = kind;
    made->references = 1;
    if (kind != STRING) made->children = calloc(MOST, sizeof *made->children);
    live++;
    return made;
}

static object *check(const void *ref, int kind) {
    object *o = (object *)ref;
    if (!o || o->references < 1 || (int)o->kind != kind) misuses++;
    return o;
}

static object *retain(object *o) {
    o->references++;
    return o;
}

static int gives_null(const char *function) {
    const char *named = getenv("IOREPORT_NULL");
    return named && !strcmp(named, function);
}

/* Objects keep their memory, so that a late use is noticed. */
void CFRelease(const void *ref) {
    object *o = (object *)ref;
    if (!o || o->references < 1) {
        misuses++;
        return;
    }
    if (--o->references) return;
    live--;
    for (long i = 0; i < o->length; i++) CFRelease(o->children[i]);
}

void *CFStringCreateWithCString(const void *allocator, const char *text, uint32_t encoding) {
    object *made = create(STRING);
    if (allocator || encoding != UTF8) misuses++;
    snprintf(made->text, sizeof made->text, "%s", text);
    return made;
}

unsigned char CFStringGetCString(const void *string, char *to, long size, uint32_t encoding) {
    if (encoding != UTF8) misuses++;
    return snprintf(to, size, "%s", check(string, STRING)->text) < size;
}

/* A dictionary's children are key, value, key, value. */
void *CFDictionaryGetValue(const void *dictionary, const void *key) {
    object *d = check(dictionary, DICTIONARY), *k = check(key, STRING);
    for (long i = 0; i < d->length; i += 2)
        if (!strcmp(d->children[i]->text, k->text)) return d->children[i + 1];
    return NULL;
}

void CFDictionarySetValue(void *dictionary, const void *key, const void *value) {
    object *d = check(dictionary, DICTIONARY), *k = check(key, STRING), *v = (object *)value;
    retain(v);
    for (long i = 0; i < d->length; i += 2)
        if (!strcmp(d->children[i]->text, k->text)) {
            CFRelease(d->children[i + 1]);
            d->children[i + 1] = v;
            return;
        }
    d->children[d->length++] = retain(k);
    d->children[d->length++] = v;
}

void *CFDictionaryCreateMutableCopy(const void *allocator, long capacity, const void *of) {
    object *from = check(of, DICTIONARY), *made = create(DICTIONARY);
    if (allocator || capacity) misuses++;
    for (long i = 0; i < from->length; i++) made->children[i] = retain(from->children[i]);
    made->length = from->length;
    return made;
}

void *CFArrayCreateMutable(const void *allocator, long capacity, const void *callbacks) {
    if (allocator || capacity || callbacks != kCFTypeArrayCallBacks) misuses++;
    return create(ARRAY);
}

void CFArrayAppendValue(void *array, const void *value) {
    object *a = check(array, ARRAY);
    a->children[a->length++] = retain((object *)value);
}

long CFArrayGetCount(const void *array) { return check(array, ARRAY)->length; }

const void *CFArrayGetValueAtIndex(const void *array, long index) {
    object *a = check(array, ARRAY);
    if (index < 0 || index >= a->length) misuses++;
    return a->children[index];
}

static object *create_channel(const char *name, const char *unit, long long count) {
    object *made = create(CHANNEL);
    made->children[made->length++] = CFStringCreateWithCString(NULL, name, UTF8);
    made->children[made->length++] = CFStringCreateWithCString(NULL, unit, UTF8);
    made->count = count;
    return made;
}

/* The group as it is now; of `wanted`, where that is not NULL, alone. */
static object *create_group(object *wanted) {
    object *channels = create(ARRAY), *group = create(DICTIONARY);
    object *key = CFStringCreateWithCString(NULL, "IOReportChannels", UTF8);
    char *all = strdup(getenv("IOREPORT_CHANNELS")), *rest = NULL;
    for (char *one = strtok_r(all, ";", &rest); one; one = strtok_r(NULL, ";", &rest)) {
        char name[64], unit[16];
        long long count = 0, step = 0;
        sscanf(one, "%63[^|]|%15[^|]|%lld%lld", name, unit, &count, &step);
        int is_wanted = !wanted;
        for (long i = 0; wanted && i < wanted->length; i++)
            is_wanted |= !strcmp(wanted->children[i]->children[0]->text, name);
        if (!is_wanted) continue;
        object *channel = create_channel(name, unit, count + step * samples);
        CFArrayAppendValue(channels, channel);
        CFRelease(channel);
    }
    free(all);
    CFDictionarySetValue(group, key, channels);
    CFRelease(key);
    CFRelease(channels);
    return group;
}

static object *channels_of(void *dictionary) {
    object *key = CFStringCreateWithCString(NULL, "IOReportChannels", UTF8);
    object *channels = CFDictionaryGetValue(dictionary, key);
    CFRelease(key);
    return channels;
}

void *IOReportCopyChannelsInGroup(
    const void *group, const void *subgroup, uint64_t a, uint64_t b, uint64_t c) {
    if (strcmp(check(group, STRING)->text, "Energy Model") || subgroup || a || b || c) misuses++;
    return gives_null("IOReportCopyChannelsInGroup") ? NULL : create_group(NULL);
}

void *IOReportCreateSubscription(
    const void *a, void *desired, void **subscribed, uint64_t b, const void *c) {
    if (a || b || c) misuses++;
    if (gives_null("IOReportCreateSubscription")) return NULL;
    *subscribed = CFDictionaryCreateMutableCopy(NULL, 0, desired);
    return create(SUBSCRIPTION);
}

void *IOReportCreateSamples(const void *subscription, void *subscribed, const void *a) {
    check(subscription, SUBSCRIPTION);
    if (a) misuses++;
    if (gives_null("IOReportCreateSamples")) return NULL;
    object *wanted = channels_of(subscribed);
    asked = wanted->length;
    object *made = create_group(wanted);
    samples++;
    return made;
}

const void *IOReportChannelGetChannelName(const void *channel) {
    return check(channel, CHANNEL)->children[0];
}

const void *IOReportChannelGetUnitLabel(const void *channel) {
    return check(channel, CHANNEL)->children[1];
}

#ifndef WITHOUT_IOReportSimpleGetIntegerValue
int64_t IOReportSimpleGetIntegerValue(const void *channel, const void *a) {
    if (a) misuses++;
    return check(channel, CHANNEL)->count;
}
#endif
