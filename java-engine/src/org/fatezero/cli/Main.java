package org.fatezero.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.AccessDeniedException;

/**
 * The program {@code fatezero}. Each subcommand is a class of this package.
 *
 * <p>It ends with 0, with 1 where a file or the machine is at fault, or with 2 where the command line is. Results go to
 * standard output; an error is one line on standard error, with its stack trace if {@code --verbose} is given.
 */
@Command(name = "fatezero", versionProvider = Main.Version.class, mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        scope = ScopeType.INHERIT, subcommands = {Caption.class, ListPresets.class, Metrics.class, Preview.class, Tune.class},
        description = "What is done around an edit. The edit itself is a filter of ffmpeg.")
public final class Main implements Runnable {

    /** The version of the jar. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"fatezero " + (version == null ? "not built" : version)};
        }
    }

    @Spec
    private CommandSpec spec;

    @Option(names = {"-v", "--verbose"}, scope = ScopeType.INHERIT, description = "Print the stack trace of an error.")
    private boolean verbose;

    /** Without a subcommand: an error with the usage. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a subcommand is missing");
    }

    public static void main(String... arguments) {
        System.exit(run(arguments));
    }

    /** Runs a command line and returns the status that the process ends with. */
    static int run(String... arguments) {
        Main main = new Main();
        CommandLine program = new CommandLine(main);
        program.setParameterExceptionHandler((error, given) -> {
            String command = error.getCommandLine().getCommandSpec().qualifiedName();
            return main.fail(error, command + ": " + error.getMessage() + "; see " + command + " --help");
        });
        program.setExecutionExceptionHandler((error, command, given) -> main.fail(error,
                command.getCommandSpec().qualifiedName() + ": " + message(error)));
        return program.execute(arguments);
    }

    private int fail(Exception error, String message) {
        System.err.println(message.lines().findFirst().orElse(""));
        if (verbose) {
            error.printStackTrace();
        }
        return error instanceof ParameterException || error instanceof IllegalArgumentException ? CommandLine.ExitCode.USAGE
                : CommandLine.ExitCode.SOFTWARE;
    }

    /** The error's message, with its class unless that is an IOException or IllegalArgumentException. */
    private static String message(Exception error) {
        if (error instanceof AccessDeniedException) {
            return error.getMessage() + ": access denied";
        }
        boolean told = error instanceof IOException || error instanceof IllegalArgumentException;
        return told && error.getMessage() != null ? error.getMessage() : error + "; --verbose tells more";
    }
}
