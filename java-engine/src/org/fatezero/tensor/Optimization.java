package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;

/** What changes weights in training, and its TorchScript. */
public final class Optimization {

    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;

    static final String SOURCE = """
              def adam_w(self: __torch__.Ops, weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor,
                      scale: float, keep: float, rate: float, correction: float, beta1: float, beta2: float) -> Tensor:
                g = torch.mul(gradient, scale)
                m = torch.add_(torch.mul_(mean, beta1), torch.mul(g, torch.sub(1., beta1)))
                v = torch.addcmul_(torch.mul_(square, beta2), g, g, value=torch.sub(1., beta2))
                denominator = torch.add(torch.sqrt(torch.div(v, correction)), 1e-8)
                return torch.addcdiv_(torch.mul_(weight, keep), m, denominator, value=torch.neg(rate))
            """;

    private Optimization() {
    }

    /**
     * One step of AdamW (Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization), in place.
     *
     * @param weight changed, as are {@code mean} and {@code square}, the moments of the gradient, of the same shape
     * @param scale factor on the gradient
     * @param rate learning rate
     * @param decay weight decay
     * @param step of the moments, from 1
     */
    public static void adamW(Torch torch, NDArray weight, NDArray gradient, NDArray mean, NDArray square,
            double scale, double rate, double decay, int step) {
        torch.runWithoutGradients("adam_w", weight, gradient, mean, square, scale, 1 - rate * decay, rate / (1 - Math.pow(BETA1, step)),
                1 - Math.pow(BETA2, step), BETA1, BETA2).close();
    }
}
