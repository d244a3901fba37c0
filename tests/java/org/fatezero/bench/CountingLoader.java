package org.fatezero.bench;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * With {@code -Djava.system.class.loader=} this class, {@link Calls} counts each call that DJL makes through JNI to libtorch: it loads
 * all classes of the class path, and DJL's with a call of {@link Calls#add} before each of theirs to a native method.
 */
public final class CountingLoader extends URLClassLoader {

    private static final String NATIVE = "ai/djl/pytorch/jni/PyTorchLibrary";

    /** @param parent the one that would load the class path */
    public CountingLoader(ClassLoader parent) {
        super(classPath(), parent.getParent());
    }

    private static URL[] classPath() {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            try {
                urls.add(Path.of(entry).toUri().toURL());
            } catch (MalformedURLException e) {
                throw new IllegalArgumentException(entry, e);
            }
        }
        return urls.toArray(URL[]::new);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (!name.startsWith("ai.djl.pytorch.")) {
            return super.findClass(name);
        }
        try (InputStream code = getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (code == null) {
                throw new ClassNotFoundException(name);
            }
            ClassReader reader = new ClassReader(code);
            ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
            reader.accept(counting(writer), 0);
            byte[] counted = writer.toByteArray();
            return defineClass(name, counted, 0, counted.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    private static ClassVisitor counting(ClassWriter writer) {
        return new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] exceptions) {
                return new MethodVisitor(Opcodes.ASM9, super.visitMethod(access, name, descriptor, signature, exceptions)) {
                    @Override
                    public void visitMethodInsn(int opcode, String owner, String called, String types, boolean ofInterface) {
                        if (opcode == Opcodes.INVOKEVIRTUAL && owner.equals(NATIVE)) {
                            visitLdcInsn(called);
                            super.visitMethodInsn(Opcodes.INVOKESTATIC, "org/fatezero/bench/Calls", "add", "(Ljava/lang/String;)V", false);
                        }
                        super.visitMethodInsn(opcode, owner, called, types, ofInterface);
                    }
                };
            }
        };
    }
}
