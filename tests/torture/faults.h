/*
 * Memory that runs out for the libraries under test alone, and what they have not given back.
 */
#ifndef FAULTS_H
#define FAULTS_H

/** Watches calls from the libraries that are loaded under one of these names; ends with NULL. */
void faults_watch(const char *const *libraries);

/** Watches their calls of Java's functions that make objects, too, once there is a virtual machine. */
int faults_watch_java(void);

/** From now on the n-th allocation or new Java object that they ask for fails, and no other. @param n 0: none fails */
void faults_arm(long n);

/** How many they asked for since then. */
long faults_calls(void);

/** Pieces of memory that they hold, and Java objects by global references. */
long faults_held(void);

#endif
