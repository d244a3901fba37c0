package org.fatezero.cli;

import com.google.gson.GsonBuilder;

import org.fatezero.options.Presets;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;

/** {@code fatezero presets}. */
@Command(name = "presets", description = "List the presets of the filter, with what each takes.")
final class ListPresets implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        List<Presets.Shipped> all = Presets.shipped();
        if (json) {
            out.println(new GsonBuilder().disableHtmlEscaping().setPrettyPrinting().create().toJson(all));
        } else {
            for (Presets.Shipped one : all) {
                out.printf("%-15s %-10s %s%n", one.name(), one.takes().isEmpty() ? "" : String.join("= ", one.takes()) + "=", one.about());
            }
        }
        return 0;
    }
}
