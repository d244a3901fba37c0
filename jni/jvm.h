/*
 * The Java virtual machine of this process: finding, starting, attaching, and what the calls need of it.
 */
#ifndef FATEZERO_JVM_H
#define FATEZERO_JVM_H

#include <jni.h>

#include "fatezero.h"

/** Classes are global references; they and the methods stay valid until the process ends. */
typedef struct fatezero_java {
    jclass    engine;           // org.fatezero.engine.Engine
    jmethodID open, change, window, edits, panels, begin_shot, begin_shot_with, mix, edit, metadata, close;
    jclass    bytes;            // byte[]
    jclass    buffer;           // java.nio.ByteBuffer
} fatezero_java;

/**
 * Starts the virtual machine if the process has none, and attaches the calling thread until it ends.
 *
 * @param env set to the calling thread's environment
 * @return NULL with the error filled if there is no virtual machine to be had
 */
const fatezero_java *fatezero_jvm(JNIEnv **env, fatezero_error *error);

/**
 * JNI_CreateJavaVM as a guest may call it, once in a process: the locale and, if it fails, the handlers of signals are as before,
 * and it fails where it would otherwise end the process. The calling thread is not attached.
 *
 * @param library libjvm
 * @return FATEZERO_NO_RUNTIME with the virtual machine's own words, FATEZERO_NO_MEMORY if there is no thread for it
 */
fatezero_code fatezero_create(void *library, const JavaVMInitArgs *args, JavaVM **vm, fatezero_error *error);

/** Whether an option in a variable of the environment that the virtual machine reads contains the word. */
int fatezero_user_sets(const char *word);

/** Fills the error. @return its code */
__attribute__((format(printf, 3, 4)))
fatezero_code fatezero_fail(fatezero_error *error, fatezero_code code, const char *format, ...);

/**
 * Takes the pending exception, if there is one.
 *
 * @param host told the stack of an exception that should not happen
 * @return FATEZERO_OK if nothing was pending
 */
fatezero_code fatezero_exception(JNIEnv *env, const fatezero_host *host, fatezero_error *error);

/** Copies a byte[]. @return to be freed, NULL with an exception pending or without memory */
char *fatezero_string(JNIEnv *env, jbyteArray bytes);

#endif /* FATEZERO_JVM_H */
