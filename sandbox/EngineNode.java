import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;

/**
 * Runs one node of a search engine: EngineNode RUNNER ARGUMENTS...
 *
 * <p>The runner names every first node alike and hides why a start has failed. Here every -Dset.KEY=VALUE becomes a
 * setting of the node, stronger than the runner's own, and a failure ends the process with its reason.
 */
public class EngineNode {
    public static void main(String[] args) throws Exception {
        Class<?> runnerClass = Class.forName(args[0]);
        Class<?> builderClass = Class.forName(args[0] + "$Builder");
        Object runner = runnerClass.getConstructor().newInstance();
        Object builder = Proxy.newProxyInstance(
                runnerClass.getClassLoader(), new Class<?>[] {builderClass}, (proxy, method, built) -> {
                    Object settings = built[1];
                    Method put = settings.getClass().getMethod("put", String.class, String.class);
                    for (String name : System.getProperties().stringPropertyNames()) {
                        if (name.startsWith("set.")) {
                            put.invoke(settings, name.substring(4), System.getProperty(name));
                        }
                    }
                    return null;
                });
        runnerClass.getMethod("onBuild", builderClass).invoke(runner, builder);
        try {
            runnerClass
                    .getMethod("build", String[].class)
                    .invoke(runner, (Object) Arrays.copyOfRange(args, 1, args.length));
        } catch (InvocationTargetException failure) {
            failure.getCause().printStackTrace();
            System.exit(1);
        }
        Thread.currentThread().join();
    }
}
