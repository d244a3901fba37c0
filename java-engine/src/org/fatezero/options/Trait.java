package org.fatezero.options;

/** What an {@link Option} may be besides a value: where it may be set, and what depends on it. */
public enum Trait {

    /** A preset may set it: it shapes the edit, and names no file or device of the user's. */
    IN_PRESETS,

    /** Edits of one inversion may differ in it. Whatever else there is, they share. */
    OF_ONE_EDIT,

    /** It stays as it is while a film runs: what is loaded, what its frames have in common, and where they go. */
    OF_THE_FILM,

    /** An inversion does not depend on it, or does so only through the model, the frames or the prompt, which its key has besides. */
    NOT_IN_INVERSION_KEY,

    /** An edit does not depend on it, or does so only through other options or the inversion, which its key has besides. */
    NOT_IN_EDIT_KEY
}
